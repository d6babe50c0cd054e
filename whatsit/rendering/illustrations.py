"""Small illustrations (fruit, leaves, houses, …) that labels carry; each is drawn from a few filled shapes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from whatsit.rendering.canvas import Canvas, Colour, mix

Draw = Callable[[Canvas, float, float, float, Colour], None]

_LEAF: Colour = (78, 140, 58)
_STEM: Colour = (96, 70, 40)
_WHITE: Colour = (252, 250, 244)
_BLACK: Colour = (20, 18, 24)


def _turn(points: NDArray[np.float64], degrees: float, x: float = 0.0, y: float = 0.0) -> NDArray[np.float64]:
    """Turn points about the origin, then move them by (x, y)."""
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[cos, sin], [-sin, cos]]) + np.array([x, y]), np.float64)


def _leaf(c: Canvas, x: float, y: float, length: float, degrees: float, colour: Colour) -> None:
    t = np.linspace(0, 1, 12)
    half = 0.22 * np.sin(np.pi * t) * (1.15 - 0.5 * t)
    outline = np.concatenate([np.stack([t, half], 1), np.stack([t, -half], 1)[::-1]]) * length
    c.polygon(_turn(outline, degrees, x, y), colour)
    vein = _turn(np.array([[0.05, 0.0], [0.9, 0.0]]) * length, degrees, x, y)
    c.stroke(vein, mix(colour, _WHITE, 0.45), length * 0.03)


def _ball(c: Canvas, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
    c.ellipse(x, y, rx, ry, mix(colour, _BLACK, 0.22))
    c.ellipse(x - rx * 0.06, y - ry * 0.07, rx * 0.9, ry * 0.9, colour)
    c.ellipse(x - rx * 0.34, y - ry * 0.38, rx * 0.26, ry * 0.2, mix(colour, _WHITE, 0.6), -30)


def _apple(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    _ball(c, x - r * 0.26, y + r * 0.1, r * 0.62, r * 0.78, colour)
    _ball(c, x + r * 0.26, y + r * 0.1, r * 0.62, r * 0.78, colour)
    c.ellipse(x, y + r * 0.12, r * 0.5, r * 0.62, colour)
    c.stroke([(x, y - r * 0.5), (x + r * 0.08, y - r * 0.95)], _STEM, r * 0.1)
    _leaf(c, x + r * 0.05, y - r * 0.7, r * 0.7, -25, _LEAF)


def _pear(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    _ball(c, x, y - r * 0.3, r * 0.38, r * 0.5, colour)
    _ball(c, x, y + r * 0.3, r * 0.66, r * 0.62, colour)
    c.stroke([(x, y - r * 0.7), (x + r * 0.1, y - r)], _STEM, r * 0.1)
    _leaf(c, x + r * 0.05, y - r * 0.8, r * 0.6, -15, _LEAF)


def _round_fruit(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    _ball(c, x, y + r * 0.08, r * 0.82, r * 0.8, colour)
    _leaf(c, x, y - r * 0.7, r * 0.7, -20, _LEAF)
    _leaf(c, x, y - r * 0.7, r * 0.5, 200, mix(_LEAF, _BLACK, 0.15))


def _slice(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.ellipse(x, y, r * 0.95, r * 0.95, mix(colour, _BLACK, 0.08))
    c.ellipse(x, y, r * 0.84, r * 0.84, mix(colour, _WHITE, 0.8))
    for k in range(8):
        a = np.pi / 4 * k + np.array([0.09, 0.35, 0.7])
        rim = np.stack([x + r * 0.76 * np.cos(a), y + r * 0.76 * np.sin(a)], 1)
        middle = np.array([[x + r * 0.1 * np.cos(a[1]), y + r * 0.1 * np.sin(a[1])]])
        c.polygon(np.concatenate([middle, rim]), mix(colour, _WHITE, 0.12))


def _lemon(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.ellipse(x, y, r * 0.98, r * 0.36, mix(colour, _BLACK, 0.15), -25)
    c.ellipse(x, y, r * 0.82, r * 0.62, mix(colour, _BLACK, 0.15), -25)
    c.ellipse(x - r * 0.03, y - r * 0.05, r * 0.76, r * 0.55, colour, -25)
    c.ellipse(x - r * 0.3, y - r * 0.2, r * 0.22, r * 0.12, mix(colour, _WHITE, 0.6), -25)
    _leaf(c, x + r * 0.6, y - r * 0.45, r * 0.7, 60, _LEAF)
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
    c.ellipse(x - r * 0.3, y - r * 0.25, r * 0.2, r * 0.28, mix(colour, _WHITE, 0.3), 20)
    for row, n in ((-0.3, 3), (0.0, 4), (0.3, 3), (0.6, 2)):
        for k in range(n):
            c.ellipse(x + (k - (n - 1) / 2) * r * 0.3, y + r * row, r * 0.045, r * 0.07, (250, 220, 120))
    for degrees in (-160, -125, -90, -55, -20):
        _leaf(c, x, y - r * 0.66, r * 0.55, degrees, _LEAF)


def _berries(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for dx, dy in ((-0.45, 0.25), (0.45, 0.28), (0.0, -0.35)):
        _ball(c, x + dx * r, y + dy * r, r * 0.46, r * 0.46, colour)
        c.ellipse(x + dx * r, y + dy * r, r * 0.12, r * 0.1, mix(colour, _BLACK, 0.5))
    _leaf(c, x + r * 0.2, y - r * 0.6, r * 0.75, -20, _LEAF)
    _leaf(c, x - r * 0.1, y - r * 0.6, r * 0.65, 200, _LEAF)


def _cluster(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for row, n in enumerate((4, 5, 4, 3, 2, 1)):
        for k in range(n):
            _ball(c, x + (k - (n - 1) / 2) * r * 0.33, y + (row - 2) * r * 0.28, r * 0.2, r * 0.2, colour)
    c.stroke([(x, y - r * 0.65), (x + r * 0.05, y - r)], _STEM, r * 0.08)
    _leaf(c, x, y - r * 0.75, r * 0.75, -15, _LEAF)


def _cherry(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for dx, dy in ((-0.42, 0.42), (0.42, 0.5)):
        c.stroke([(x + dx * r, y + dy * r - r * 0.3), (x + r * 0.1, y - r * 0.85)], _LEAF, r * 0.08)
        _ball(c, x + dx * r, y + dy * r, r * 0.42, r * 0.42, colour)
    _leaf(c, x + r * 0.1, y - r * 0.85, r * 0.75, 15, _LEAF)


def _banana(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for shift, dark in ((0.22, 0.16), (-0.1, 0.0)):
        a = np.linspace(0.1, 0.9, 16) * np.pi
        outer = np.stack([x - r * 0.95 * np.cos(a), y + r * shift - r * 0.35 + r * 0.95 * np.sin(a)], 1)
        inner = np.stack([x - r * 0.85 * np.cos(a), y + r * shift - r * 0.35 + r * 0.5 * np.sin(a)], 1)[::-1]
        c.polygon(np.concatenate([outer, inner]), mix(colour, _BLACK, dark))
    c.ellipse(x - r * 0.88, y - r * 0.25, r * 0.09, r * 0.12, _STEM)


def _flower(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for k in range(6):
        a = np.pi / 3 * k
        spot = (x + r * 0.48 * np.cos(a), y + r * 0.48 * np.sin(a))
        c.ellipse(*spot, r * 0.45, r * 0.27, mix(colour, _WHITE, 0.35 + 0.15 * (k % 2)), 60.0 * k)
    c.ellipse(x, y, r * 0.22, r * 0.22, (240, 190, 60))


def _leaves(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    green = mix(colour, _LEAF, 0.5)
    for degrees, length in ((-90, 1.25), (-145, 1.05), (-35, 1.05), (-178, 0.8), (-2, 0.8)):
        _leaf(c, x, y + r * 0.5, r * length, degrees, mix(green, _BLACK, 0.1 if degrees % 2 else 0.0))


def _lavender(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for dx in (-0.4, 0.0, 0.4):
        c.stroke([(x + dx * r * 0.4, y + r), (x + dx * r, y - r * 0.6)], _LEAF, r * 0.06)
        for k in range(6):
            c.ellipse(x + dx * r * (1 - k * 0.05), y - r * 0.85 + k * r * 0.19, r * 0.15, r * 0.11, colour)


def _bean(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for dx, dy, degrees in ((-0.3, -0.3, 30.0), (0.38, 0.0, -40.0), (-0.2, 0.5, 10.0)):
        c.ellipse(x + dx * r, y + dy * r, r * 0.5, r * 0.33, mix(colour, _BLACK, 0.35), degrees)
        line = _turn(
            np.array([[-0.42, 0.0], [-0.15, 0.07], [0.15, -0.07], [0.42, 0.0]]) * r, degrees, x + dx * r, y + dy * r
        )
        c.stroke(line, mix(colour, _WHITE, 0.25), r * 0.07)


def _almond(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for dx, degrees in ((-0.3, -70.0), (0.3, -115.0)):
        _leaf(c, x + dx * r, y + r * 0.7, r * 1.4, degrees, mix(colour, (120, 70, 30), 0.5))
    c.ellipse(x, y + r * 0.6, r * 0.4, r * 0.26, mix(colour, _WHITE, 0.6))


def _chocolate(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    dark = mix(colour, (60, 32, 18), 0.6)
    for i in range(3):
        for j in range(3):
            px, py = x + (i - 1) * r * 0.58, y + (j - 1) * r * 0.58
            c.rounded(px - r * 0.27, py - r * 0.27, px + r * 0.27, py + r * 0.27, r * 0.05, dark)
            c.rounded(px - r * 0.18, py - r * 0.18, px + r * 0.18, py + r * 0.18, r * 0.04, mix(dark, _WHITE, 0.16))


def _honey(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for dx, dy in ((0.0, 0.0), (0.62, 0.36), (-0.62, 0.36), (0.0, 0.72), (0.62, -0.36), (-0.62, -0.36), (0.0, -0.72)):
        a = np.pi / 3 * np.arange(6)
        cell = np.stack([x + dx * r + r * 0.38 * np.cos(a), y + dy * r + r * 0.38 * np.sin(a)], 1)
        c.polygon(cell, mix(colour, _WHITE, 0.1 + 0.4 * abs(dy)))


def _coconut(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    _ball(c, x - r * 0.25, y - r * 0.15, r * 0.68, r * 0.68, (110, 74, 46))
    c.ellipse(x + r * 0.3, y + r * 0.3, r * 0.62, r * 0.5, (92, 60, 38), -20)
    c.ellipse(x + r * 0.32, y + r * 0.27, r * 0.53, r * 0.41, _WHITE, -20)
    c.ellipse(x + r * 0.33, y + r * 0.3, r * 0.3, r * 0.2, mix(colour, _WHITE, 0.75), -20)


def _grain(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    gold = mix(colour, (200, 150, 60), 0.6)
    for lean in (-0.5, 0.0, 0.5):
        c.stroke([(x, y + r), (x + lean * r, y - r * 0.7)], gold, r * 0.05)
        for k in range(5):
            px, py = x + lean * r * (0.3 + k * 0.17), y + r * (0.4 - k * 0.29)
            c.ellipse(px - r * 0.12, py, r * 0.17, r * 0.08, gold, 50 + lean * 30)
            c.ellipse(px + r * 0.12, py, r * 0.17, r * 0.08, mix(gold, _BLACK, 0.12), -50 + lean * 30)


def _pepper(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for dx in (-0.36, 0.36, 0.0):
        _ball(c, x + dx * r, y + r * 0.15, r * 0.42, r * 0.75, colour)
    c.stroke([(x, y - r * 0.5), (x - r * 0.12, y - r * 0.98)], _LEAF, r * 0.18)


def _chilli(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for lift in (-0.3, 0.25):
        t = np.linspace(0, 1, 14)
        spine = np.stack([x - r * 0.8 + r * 1.6 * t, y + r * lift + r * 0.5 * t**2 - r * 0.25], 1)
        half = (0.2 * np.sqrt(1 - t * 0.98) * r)[:, None] * (0.0, 1.0)
        c.polygon(np.concatenate([spine + half, (spine - half)[::-1]]), colour)
        c.stroke(spine[:9] - half[:9] * 0.4, mix(colour, _WHITE, 0.5), r * 0.05)
        c.stroke([tuple(spine[0]), (spine[0][0] - r * 0.15, spine[0][1] - r * 0.2)], _LEAF, r * 0.13)


def _carrot(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for dx in (-0.28, 0.28):
        for degrees in (-110, -90, -70):
            _leaf(c, x + dx * r, y - r * 0.4, r * 0.6, degrees, _LEAF)
        root = [(x + dx * r - r * 0.22, y - r * 0.42), (x + dx * r + r * 0.22, y - r * 0.42), (x + dx * r, y + r)]
        c.polygon(root, colour)
        for k in range(3):
            py = y - r * 0.2 + k * r * 0.3
            c.stroke([(x + dx * r - r * 0.1, py), (x + dx * r + r * 0.05, py)], mix(colour, _BLACK, 0.2), r * 0.04)


def _mushroom(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.rounded(x - r * 0.24, y, x + r * 0.24, y + r * 0.85, r * 0.15, (240, 228, 206))
    a = np.linspace(np.pi, 2 * np.pi, 20)
    c.polygon(np.stack([x + r * 0.85 * np.cos(a), y + r * 0.2 + r * 0.95 * np.sin(a)], 1), colour)
    for dx, dy in ((-0.4, -0.15), (0.1, -0.4), (0.45, -0.05)):
        c.ellipse(x + dx * r, y + dy * r, r * 0.12, r * 0.1, mix(colour, _WHITE, 0.55))


def _wave(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for k, light in enumerate((0.5, 0.2, 0.0)):
        t = np.linspace(-1, 1, 24)
        top = y - r * 0.4 + k * r * 0.4 + r * 0.16 * np.sin(t * 7 + k)
        edge = np.stack([x + t * r, top], 1)
        c.polygon(np.concatenate([edge, np.stack([x + t * r, top + r * 0.34], 1)[::-1]]), mix(colour, _WHITE, light))


def _house(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.rectangle(x - r * 0.65, y - r * 0.1, x + r * 0.65, y + r * 0.85, mix(colour, _WHITE, 0.55))
    c.polygon([(x - r * 0.9, y - r * 0.08), (x, y - r * 0.9), (x + r * 0.9, y - r * 0.08)], mix(colour, _BLACK, 0.35))
    c.rectangle(x - r * 0.15, y + r * 0.3, x + r * 0.2, y + r * 0.85, mix(colour, _BLACK, 0.55))
    c.rectangle(x - r * 0.52, y + r * 0.1, x - r * 0.26, y + r * 0.4, (250, 220, 120))
    c.rectangle(x + r * 0.3, y + r * 0.1, x + r * 0.55, y + r * 0.4, (250, 220, 120))


def _rocket(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.polygon([(x - r * 0.2, y + r * 0.55), (x, y + r), (x + r * 0.2, y + r * 0.55)], (250, 180, 40))
    c.polygon([(x - r * 0.65, y + r * 0.7), (x, y - r * 0.1), (x + r * 0.65, y + r * 0.7)], mix(colour, _BLACK, 0.3))
    c.ellipse(x, y - r * 0.05, r * 0.33, r * 0.85, _WHITE)
    c.polygon([(x - r * 0.27, y - r * 0.5), (x, y - r * 0.98), (x + r * 0.27, y - r * 0.5)], colour)
    c.ellipse(x, y - r * 0.15, r * 0.16, r * 0.16, (90, 160, 220))


def _boat(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.polygon([(x - r * 0.05, y - r), (x - r * 0.05, y + r * 0.3), (x - r * 0.75, y + r * 0.3)], _WHITE)
    c.polygon([(x + r * 0.05, y - r * 0.8), (x + r * 0.05, y + r * 0.3), (x + r * 0.6, y + r * 0.3)], (240, 120, 80))
    hull = [
        (x - r * 0.9, y + r * 0.4),
        (x + r * 0.9, y + r * 0.4),
        (x + r * 0.55, y + r * 0.8),
        (x - r * 0.6, y + r * 0.8),
    ]
    c.polygon(hull, mix(colour, _BLACK, 0.4))


def _car(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.polygon(
        [(x - r * 0.5, y), (x - r * 0.3, y - r * 0.45), (x + r * 0.3, y - r * 0.45), (x + r * 0.6, y)], (150, 200, 230)
    )
    c.rounded(x - r, y - r * 0.05, x + r, y + r * 0.42, r * 0.2, colour)
    c.rectangle(x - r, y + r * 0.12, x + r, y + r * 0.2, _WHITE)
    for dx in (-0.55, 0.55):
        c.ellipse(x + dx * r, y + r * 0.42, r * 0.25, r * 0.25, _BLACK)
        c.ellipse(x + dx * r, y + r * 0.42, r * 0.11, r * 0.11, (200, 200, 205))


def _cat(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for side in (-1, 1):
        c.polygon(
            [(x + side * r * 0.75, y - r * 0.9), (x + side * r * 0.15, y - r * 0.5), (x + side * r * 0.75, y)], colour
        )
    c.ellipse(x, y + r * 0.1, r * 0.8, r * 0.7, colour)
    for side in (-1, 1):
        c.ellipse(x + side * r * 0.3, y, r * 0.15, r * 0.18, (250, 240, 170))
        c.ellipse(x + side * r * 0.3, y, r * 0.05, r * 0.15, _BLACK)
        for dy in (0.3, 0.42):
            c.stroke([(x + side * r * 0.2, y + r * 0.36), (x + side * r, y + r * dy)], _WHITE, r * 0.03)
    c.polygon([(x - r * 0.1, y + r * 0.25), (x + r * 0.1, y + r * 0.25), (x, y + r * 0.37)], (230, 140, 150))


def _star(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for size, dx, dy, light in ((0.9, 0.0, 0.05, 0.0), (0.3, 0.75, -0.65, 0.4), (0.25, -0.8, -0.5, 0.4)):
        a = np.pi / 5 * np.arange(10) - np.pi / 2
        radius = r * size * np.where(np.arange(10) % 2, 0.42, 1.0)
        tip = np.stack([x + dx * r + radius * np.cos(a), y + dy * r + radius * np.sin(a)], 1)
        c.polygon(tip, mix(mix(colour, (255, 210, 60), 0.75), _WHITE, light))


def _lighthouse(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.polygon([(x, y - r * 0.75), (x + r, y - r), (x + r, y - r * 0.4)], (255, 240, 160))
    c.polygon(
        [(x - r * 0.25, y - r * 0.6), (x + r * 0.25, y - r * 0.6), (x + r * 0.42, y + r), (x - r * 0.42, y + r)], _WHITE
    )
    for k in range(2):
        half = r * (0.3 + k * 0.09)
        c.rectangle(x - half, y - r * 0.25 + k * r * 0.6, x + half, y + k * r * 0.6, (200, 50, 50))
    c.rectangle(x - r * 0.2, y - r * 0.9, x + r * 0.2, y - r * 0.6, (60, 60, 70))
    c.polygon([(x - r * 0.27, y - r * 0.88), (x, y - r * 1.05), (x + r * 0.27, y - r * 0.88)], mix(colour, _BLACK, 0.4))


def _mountain(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    for dx, top, dark in ((0.35, -0.4, 0.25), (-0.25, -0.8, 0.0)):
        peak = (x + dx * r, y + top * r)
        c.polygon(
            [(peak[0] - r * 0.75, y + r * 0.7), peak, (peak[0] + r * 0.75, y + r * 0.7)], mix(colour, _BLACK, dark)
        )
        c.polygon([(peak[0] - r * 0.2, peak[1] + r * 0.4), peak, (peak[0] + r * 0.2, peak[1] + r * 0.4)], _WHITE)


PICTURES: dict[str, Draw] = {
    "strawberry": _strawberry, "orange": _orange, "lemon": _lemon, "lime": _lemon, "apple": _apple, "pear": _pear,
    "blueberry": _berries, "raspberry": _cluster, "grape": _cluster, "cherry": _cherry, "peach": _round_fruit,
    "banana": _banana, "flower": _flower, "leaf": _leaves, "lavender": _lavender, "bean": _bean, "almond": _almond,
    "chocolate": _chocolate, "honey": _honey, "coconut": _coconut, "grain": _grain, "tomato": _round_fruit,
    "chilli": _chilli, "pepper": _pepper, "carrot": _carrot, "mushroom": _mushroom, "olive": _berries, "wave": _wave,
    "house": _house, "rocket": _rocket, "boat": _boat, "car": _car, "cat": _cat, "star": _star,
    "lighthouse": _lighthouse, "mountain": _mountain,
}  # fmt: skip


def draw_picture(canvas: Canvas, name: str, x: float, y: float, radius: float, colour: Colour) -> None:
    """Draw the illustration `name` of `PICTURES` inside a circle."""
    PICTURES[name](canvas, x, y, radius, colour)
