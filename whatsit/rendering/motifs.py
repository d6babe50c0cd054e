"""Illustrations of sweets, animals, vehicles, buildings and landscapes."""

from __future__ import annotations

import numpy as np

from whatsit.rendering.canvas import Canvas, Colour, mix
from whatsit.rendering.illustration_shapes import BLACK, WHITE, Draw


def _chocolate(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    dark = mix(colour, (60, 32, 18), 0.6)
    for i in range(3):
        for j in range(3):
            px, py = x + (i - 1) * r * 0.58, y + (j - 1) * r * 0.58
            c.rounded(px - r * 0.27, py - r * 0.27, px + r * 0.27, py + r * 0.27, r * 0.05, dark)
            c.rounded(px - r * 0.18, py - r * 0.18, px + r * 0.18, py + r * 0.18, r * 0.04, mix(dark, WHITE, 0.16))


def _honey(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for dx, dy in ((0.0, 0.0), (0.62, 0.36), (-0.62, 0.36), (0.0, 0.72), (0.62, -0.36), (-0.62, -0.36), (0.0, -0.72)):
        a = np.pi / 3 * np.arange(6)
        cell = np.stack([x + dx * r + r * 0.38 * np.cos(a), y + dy * r + r * 0.38 * np.sin(a)], 1)
        c.polygon(cell, mix(colour, WHITE, 0.1 + 0.4 * abs(dy)))


def _wave(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for k, light in enumerate((0.5, 0.2, 0.0)):
        t = np.linspace(-1, 1, 24)
        top = y - r * 0.4 + k * r * 0.4 + r * 0.16 * np.sin(t * 7 + k)
        edge = np.stack([x + t * r, top], 1)
        c.polygon(np.concatenate([edge, np.stack([x + t * r, top + r * 0.34], 1)[::-1]]), mix(colour, WHITE, light))


def _house(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.rectangle(x - r * 0.65, y - r * 0.1, x + r * 0.65, y + r * 0.85, mix(colour, WHITE, 0.55))
    c.polygon([(x - r * 0.9, y - r * 0.08), (x, y - r * 0.9), (x + r * 0.9, y - r * 0.08)], mix(colour, BLACK, 0.35))
    c.rectangle(x - r * 0.15, y + r * 0.3, x + r * 0.2, y + r * 0.85, mix(colour, BLACK, 0.55))
    c.rectangle(x - r * 0.52, y + r * 0.1, x - r * 0.26, y + r * 0.4, (250, 220, 120))
    c.rectangle(x + r * 0.3, y + r * 0.1, x + r * 0.55, y + r * 0.4, (250, 220, 120))


def _rocket(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.polygon([(x - r * 0.2, y + r * 0.55), (x, y + r), (x + r * 0.2, y + r * 0.55)], (250, 180, 40))
    c.polygon([(x - r * 0.65, y + r * 0.7), (x, y - r * 0.1), (x + r * 0.65, y + r * 0.7)], mix(colour, BLACK, 0.3))
    c.ellipse(x, y - r * 0.05, r * 0.33, r * 0.85, WHITE)
    c.polygon([(x - r * 0.27, y - r * 0.5), (x, y - r * 0.98), (x + r * 0.27, y - r * 0.5)], colour)
    c.ellipse(x, y - r * 0.15, r * 0.16, r * 0.16, (90, 160, 220))


def _boat(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.polygon([(x - r * 0.05, y - r), (x - r * 0.05, y + r * 0.3), (x - r * 0.75, y + r * 0.3)], WHITE)
    c.polygon([(x + r * 0.05, y - r * 0.8), (x + r * 0.05, y + r * 0.3), (x + r * 0.6, y + r * 0.3)], (240, 120, 80))
    hull = [
        (x - r * 0.9, y + r * 0.4),
        (x + r * 0.9, y + r * 0.4),
        (x + r * 0.55, y + r * 0.8),
        (x - r * 0.6, y + r * 0.8),
    ]
    c.polygon(hull, mix(colour, BLACK, 0.4))


def _car(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.polygon(
        [(x - r * 0.5, y), (x - r * 0.3, y - r * 0.45), (x + r * 0.3, y - r * 0.45), (x + r * 0.6, y)], (150, 200, 230)
    )
    c.rounded(x - r, y - r * 0.05, x + r, y + r * 0.42, r * 0.2, colour)
    c.rectangle(x - r, y + r * 0.12, x + r, y + r * 0.2, WHITE)
    for dx in (-0.55, 0.55):
        c.ellipse(x + dx * r, y + r * 0.42, r * 0.25, r * 0.25, BLACK)
        c.ellipse(x + dx * r, y + r * 0.42, r * 0.11, r * 0.11, (200, 200, 205))


def _cat(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for side in (-1, 1):
        c.polygon(
            [(x + side * r * 0.75, y - r * 0.9), (x + side * r * 0.15, y - r * 0.5), (x + side * r * 0.75, y)], colour
        )
    c.ellipse(x, y + r * 0.1, r * 0.8, r * 0.7, colour)
    for side in (-1, 1):
        c.ellipse(x + side * r * 0.3, y, r * 0.15, r * 0.18, (250, 240, 170))
        c.ellipse(x + side * r * 0.3, y, r * 0.05, r * 0.15, BLACK)
        for dy in (0.3, 0.42):
            c.stroke([(x + side * r * 0.2, y + r * 0.36), (x + side * r, y + r * dy)], WHITE, r * 0.03)
    c.polygon([(x - r * 0.1, y + r * 0.25), (x + r * 0.1, y + r * 0.25), (x, y + r * 0.37)], (230, 140, 150))


def _star(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for size, dx, dy, light in ((0.9, 0.0, 0.05, 0.0), (0.3, 0.75, -0.65, 0.4), (0.25, -0.8, -0.5, 0.4)):
        a = np.pi / 5 * np.arange(10) - np.pi / 2
        radius = r * size * np.where(np.arange(10) % 2, 0.42, 1.0)
        tip = np.stack([x + dx * r + radius * np.cos(a), y + dy * r + radius * np.sin(a)], 1)
        c.polygon(tip, mix(mix(colour, (255, 210, 60), 0.75), WHITE, light))


def _lighthouse(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.polygon([(x, y - r * 0.75), (x + r, y - r), (x + r, y - r * 0.4)], (255, 240, 160))
    c.polygon(
        [(x - r * 0.25, y - r * 0.6), (x + r * 0.25, y - r * 0.6), (x + r * 0.42, y + r), (x - r * 0.42, y + r)], WHITE
    )
    for k in range(2):
        half = r * (0.3 + k * 0.09)
        c.rectangle(x - half, y - r * 0.25 + k * r * 0.6, x + half, y + k * r * 0.6, (200, 50, 50))
    c.rectangle(x - r * 0.2, y - r * 0.9, x + r * 0.2, y - r * 0.6, (60, 60, 70))
    c.polygon([(x - r * 0.27, y - r * 0.88), (x, y - r * 1.05), (x + r * 0.27, y - r * 0.88)], mix(colour, BLACK, 0.4))


def _mountain(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for dx, top, dark in ((0.35, -0.4, 0.25), (-0.25, -0.8, 0.0)):
        peak = (x + dx * r, y + top * r)
        c.polygon(
            [(peak[0] - r * 0.75, y + r * 0.7), peak, (peak[0] + r * 0.75, y + r * 0.7)], mix(colour, BLACK, dark)
        )
        c.polygon([(peak[0] - r * 0.2, peak[1] + r * 0.4), peak, (peak[0] + r * 0.2, peak[1] + r * 0.4)], WHITE)


MOTIFS: dict[str, Draw] = {
    "chocolate": _chocolate,
    "honey": _honey,
    "wave": _wave,
    "house": _house,
    "rocket": _rocket,
    "boat": _boat,
    "car": _car,
    "cat": _cat,
    "star": _star,
    "lighthouse": _lighthouse,
    "mountain": _mountain,
}
