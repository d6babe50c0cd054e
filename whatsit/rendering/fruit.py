"""Illustrations of fruit."""

from __future__ import annotations

import numpy as np

from whatsit.rendering.canvas import Canvas, Colour, mix
from whatsit.rendering.illustration_shapes import BLACK, LEAF, STEM, WHITE, Draw, ball, leaf


def _apple(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    ball(c, x - r * 0.26, y + r * 0.1, r * 0.62, r * 0.78, colour)
    ball(c, x + r * 0.26, y + r * 0.1, r * 0.62, r * 0.78, colour)
    c.ellipse(x, y + r * 0.12, r * 0.5, r * 0.62, colour)
    c.stroke([(x, y - r * 0.5), (x + r * 0.08, y - r * 0.95)], STEM, r * 0.1)
    leaf(c, x + r * 0.05, y - r * 0.7, r * 0.7, -25, LEAF)


def _pear(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    ball(c, x, y - r * 0.3, r * 0.38, r * 0.5, colour)
    ball(c, x, y + r * 0.3, r * 0.66, r * 0.62, colour)
    c.stroke([(x, y - r * 0.7), (x + r * 0.1, y - r)], STEM, r * 0.1)
    leaf(c, x + r * 0.05, y - r * 0.8, r * 0.6, -15, LEAF)


def _round_fruit(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    ball(c, x, y + r * 0.08, r * 0.82, r * 0.8, colour)
    leaf(c, x, y - r * 0.7, r * 0.7, -20, LEAF)
    leaf(c, x, y - r * 0.7, r * 0.5, 200, mix(LEAF, BLACK, 0.15))


def _slice(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.ellipse(x, y, r * 0.95, r * 0.95, mix(colour, BLACK, 0.08))
    c.ellipse(x, y, r * 0.84, r * 0.84, mix(colour, WHITE, 0.8))
    for k in range(8):
        a = np.pi / 4 * k + np.array([0.09, 0.35, 0.7])
        rim = np.stack([x + r * 0.76 * np.cos(a), y + r * 0.76 * np.sin(a)], 1)
        middle = np.array([[x + r * 0.1 * np.cos(a[1]), y + r * 0.1 * np.sin(a[1])]])
        c.polygon(np.concatenate([middle, rim]), mix(colour, WHITE, 0.12))


def _lemon(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.ellipse(x, y, r * 0.98, r * 0.36, mix(colour, BLACK, 0.15), -25)
    c.ellipse(x, y, r * 0.82, r * 0.62, mix(colour, BLACK, 0.15), -25)
    c.ellipse(x - r * 0.03, y - r * 0.05, r * 0.76, r * 0.55, colour, -25)
    c.ellipse(x - r * 0.3, y - r * 0.2, r * 0.22, r * 0.12, mix(colour, WHITE, 0.6), -25)
    leaf(c, x + r * 0.6, y - r * 0.45, r * 0.7, 60, LEAF)
    _slice(c, x + r * 0.4, y + r * 0.45, r * 0.5, colour)


def _orange(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    _round_fruit(c, x - r * 0.22, y - r * 0.1, r * 0.75, colour)
    _slice(c, x + r * 0.38, y + r * 0.36, r * 0.56, colour)


def _strawberry(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    t = np.linspace(0, 2 * np.pi, 40)
    wide = 0.78 * np.sin(t) * (1 - 0.28 * (1 - np.cos(t)) / 2)
    tall = -np.cos(t) * 0.85
    outline = np.stack([x + r * wide * (1 - 0.45 * (tall > 0) * tall), y + r * (0.12 + tall * 0.95)], 1)
    c.polygon(outline, colour)
    c.ellipse(x - r * 0.3, y - r * 0.25, r * 0.2, r * 0.28, mix(colour, WHITE, 0.3), 20)
    for row, n in ((-0.3, 3), (0.0, 4), (0.3, 3), (0.6, 2)):
        for k in range(n):
            c.ellipse(x + (k - (n - 1) / 2) * r * 0.3, y + r * row, r * 0.045, r * 0.07, (250, 220, 120))
    for degrees in (-160, -125, -90, -55, -20):
        leaf(c, x, y - r * 0.66, r * 0.55, degrees, LEAF)


def _berries(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for dx, dy in ((-0.45, 0.25), (0.45, 0.28), (0.0, -0.35)):
        ball(c, x + dx * r, y + dy * r, r * 0.46, r * 0.46, colour)
        c.ellipse(x + dx * r, y + dy * r, r * 0.12, r * 0.1, mix(colour, BLACK, 0.5))
    leaf(c, x + r * 0.2, y - r * 0.6, r * 0.75, -20, LEAF)
    leaf(c, x - r * 0.1, y - r * 0.6, r * 0.65, 200, LEAF)


def _cluster(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for row, n in enumerate((4, 5, 4, 3, 2, 1)):
        for k in range(n):
            ball(c, x + (k - (n - 1) / 2) * r * 0.33, y + (row - 2) * r * 0.28, r * 0.2, r * 0.2, colour)
    c.stroke([(x, y - r * 0.65), (x + r * 0.05, y - r)], STEM, r * 0.08)
    leaf(c, x, y - r * 0.75, r * 0.75, -15, LEAF)


def _cherry(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for dx, dy in ((-0.42, 0.42), (0.42, 0.5)):
        c.stroke([(x + dx * r, y + dy * r - r * 0.3), (x + r * 0.1, y - r * 0.85)], LEAF, r * 0.08)
        ball(c, x + dx * r, y + dy * r, r * 0.42, r * 0.42, colour)
    leaf(c, x + r * 0.1, y - r * 0.85, r * 0.75, 15, LEAF)


def _banana(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for shift, dark in ((0.22, 0.16), (-0.1, 0.0)):
        a = np.linspace(0.1, 0.9, 16) * np.pi
        outer = np.stack([x - r * 0.95 * np.cos(a), y + r * shift - r * 0.35 + r * 0.95 * np.sin(a)], 1)
        inner = np.stack([x - r * 0.85 * np.cos(a), y + r * shift - r * 0.35 + r * 0.5 * np.sin(a)], 1)[::-1]
        c.polygon(np.concatenate([outer, inner]), mix(colour, BLACK, dark))
    c.ellipse(x - r * 0.88, y - r * 0.25, r * 0.09, r * 0.12, STEM)


def _coconut(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    ball(c, x - r * 0.25, y - r * 0.15, r * 0.68, r * 0.68, (110, 74, 46))
    c.ellipse(x + r * 0.3, y + r * 0.3, r * 0.62, r * 0.5, (92, 60, 38), -20)
    c.ellipse(x + r * 0.32, y + r * 0.27, r * 0.53, r * 0.41, WHITE, -20)
    c.ellipse(x + r * 0.33, y + r * 0.3, r * 0.3, r * 0.2, mix(colour, WHITE, 0.75), -20)


FRUIT: dict[str, Draw] = {
    "strawberry": _strawberry,
    "orange": _orange,
    "lemon": _lemon,
    "lime": _lemon,
    "apple": _apple,
    "pear": _pear,
    "blueberry": _berries,
    "raspberry": _cluster,
    "grape": _cluster,
    "cherry": _cherry,
    "peach": _round_fruit,
    "banana": _banana,
    "coconut": _coconut,
    "tomato": _round_fruit,
    "olive": _berries,
}
