"""Illustrations of flowers, grain, nuts and vegetables."""

from __future__ import annotations

import numpy as np

from whatsit.rendering.canvas import Canvas, Colour, mix
from whatsit.rendering.illustration_shapes import BLACK, LEAF, WHITE, Draw, ball, leaf, turn


def _flower(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for k in range(6):
        a = np.pi / 3 * k
        spot = (x + r * 0.48 * np.cos(a), y + r * 0.48 * np.sin(a))
        c.ellipse(*spot, r * 0.45, r * 0.27, mix(colour, WHITE, 0.35 + 0.15 * (k % 2)), 60.0 * k)
    c.ellipse(x, y, r * 0.22, r * 0.22, (240, 190, 60))


def _leaves(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    green = mix(colour, LEAF, 0.5)
    for degrees, length in ((-90, 1.25), (-145, 1.05), (-35, 1.05), (-178, 0.8), (-2, 0.8)):
        leaf(c, x, y + r * 0.5, r * length, degrees, mix(green, BLACK, 0.1 if degrees % 2 else 0.0))


def _lavender(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for dx in (-0.4, 0.0, 0.4):
        c.stroke([(x + dx * r * 0.4, y + r), (x + dx * r, y - r * 0.6)], LEAF, r * 0.06)
        for k in range(6):
            c.ellipse(x + dx * r * (1 - k * 0.05), y - r * 0.85 + k * r * 0.19, r * 0.15, r * 0.11, colour)


def _bean(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for dx, dy, degrees in ((-0.3, -0.3, 30.0), (0.38, 0.0, -40.0), (-0.2, 0.5, 10.0)):
        c.ellipse(x + dx * r, y + dy * r, r * 0.5, r * 0.33, mix(colour, BLACK, 0.35), degrees)
        line = turn(
            np.array([[-0.42, 0.0], [-0.15, 0.07], [0.15, -0.07], [0.42, 0.0]]) * r, degrees, x + dx * r, y + dy * r
        )
        c.stroke(line, mix(colour, WHITE, 0.25), r * 0.07)


def _almond(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for dx, degrees in ((-0.3, -70.0), (0.3, -115.0)):
        leaf(c, x + dx * r, y + r * 0.7, r * 1.4, degrees, mix(colour, (120, 70, 30), 0.5))
    c.ellipse(x, y + r * 0.6, r * 0.4, r * 0.26, mix(colour, WHITE, 0.6))


def _grain(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    gold = mix(colour, (200, 150, 60), 0.6)
    for lean in (-0.5, 0.0, 0.5):
        c.stroke([(x, y + r), (x + lean * r, y - r * 0.7)], gold, r * 0.05)
        for k in range(5):
            px, py = x + lean * r * (0.3 + k * 0.17), y + r * (0.4 - k * 0.29)
            c.ellipse(px - r * 0.12, py, r * 0.17, r * 0.08, gold, 50 + lean * 30)
            c.ellipse(px + r * 0.12, py, r * 0.17, r * 0.08, mix(gold, BLACK, 0.12), -50 + lean * 30)


def _pepper(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for dx in (-0.36, 0.36, 0.0):
        ball(c, x + dx * r, y + r * 0.15, r * 0.42, r * 0.75, colour)
    c.stroke([(x, y - r * 0.5), (x - r * 0.12, y - r * 0.98)], LEAF, r * 0.18)


def _chilli(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for lift in (-0.3, 0.25):
        t = np.linspace(0, 1, 14)
        spine = np.stack([x - r * 0.8 + r * 1.6 * t, y + r * lift + r * 0.5 * t**2 - r * 0.25], 1)
        half = (0.2 * np.sqrt(1 - t * 0.98) * r)[:, None] * (0.0, 1.0)
        c.polygon(np.concatenate([spine + half, (spine - half)[::-1]]), colour)
        c.stroke(spine[:9] - half[:9] * 0.4, mix(colour, WHITE, 0.5), r * 0.05)
        c.stroke([tuple(spine[0]), (spine[0][0] - r * 0.15, spine[0][1] - r * 0.2)], LEAF, r * 0.13)


def _carrot(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for dx in (-0.28, 0.28):
        for degrees in (-110, -90, -70):
            leaf(c, x + dx * r, y - r * 0.4, r * 0.6, degrees, LEAF)
        root = [(x + dx * r - r * 0.22, y - r * 0.42), (x + dx * r + r * 0.22, y - r * 0.42), (x + dx * r, y + r)]
        c.polygon(root, colour)
        for k in range(3):
            py = y - r * 0.2 + k * r * 0.3
            c.stroke([(x + dx * r - r * 0.1, py), (x + dx * r + r * 0.05, py)], mix(colour, BLACK, 0.2), r * 0.04)


def _mushroom(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.rounded(x - r * 0.24, y, x + r * 0.24, y + r * 0.85, r * 0.15, (240, 228, 206))
    a = np.linspace(np.pi, 2 * np.pi, 20)
    c.polygon(np.stack([x + r * 0.85 * np.cos(a), y + r * 0.2 + r * 0.95 * np.sin(a)], 1), colour)
    for dx, dy in ((-0.4, -0.15), (0.1, -0.4), (0.45, -0.05)):
        c.ellipse(x + dx * r, y + dy * r, r * 0.12, r * 0.1, mix(colour, WHITE, 0.55))


PLANTS: dict[str, Draw] = {
    "flower": _flower,
    "leaf": _leaves,
    "lavender": _lavender,
    "bean": _bean,
    "almond": _almond,
    "grain": _grain,
    "chilli": _chilli,
    "pepper": _pepper,
    "carrot": _carrot,
    "mushroom": _mushroom,
}
