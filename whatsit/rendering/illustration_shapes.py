"""Colours and basic shapes of the illustrations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from whatsit.rendering.canvas import Canvas, Colour, mix

Draw = Callable[[Canvas, float, float, float, Colour], None]

LEAF: Colour = (78, 140, 58)
STEM: Colour = (96, 70, 40)
WHITE: Colour = (252, 250, 244)
BLACK: Colour = (20, 18, 24)


def turn(points: NDArray[np.float64], degrees: float, x: float = 0.0, y: float = 0.0) -> NDArray[np.float64]:
    """Turn points about the origin, then move them by (x, y)."""
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[cos, sin], [-sin, cos]]) + np.array([x, y]), np.float64)


def leaf(c: Canvas, x: float, y: float, length: float, degrees: float, colour: Colour) -> None:
    """Draw a leaf from (x, y) in a direction."""
    t = np.linspace(0, 1, 12)
    half = 0.22 * np.sin(np.pi * t) * (1.15 - 0.5 * t)
    outline = np.concatenate([np.stack([t, half], 1), np.stack([t, -half], 1)[::-1]]) * length
    c.polygon(turn(outline, degrees, x, y), colour)
    vein = turn(np.array([[0.05, 0.0], [0.9, 0.0]]) * length, degrees, x, y)
    c.stroke(vein, mix(colour, WHITE, 0.45), length * 0.03)


def ball(c: Canvas, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
    """Draw a shaded ball with a highlight."""
    c.ellipse(x, y, rx, ry, mix(colour, BLACK, 0.22))
    c.ellipse(x - rx * 0.06, y - ry * 0.07, rx * 0.9, ry * 0.9, colour)
    c.ellipse(x - rx * 0.34, y - ry * 0.38, rx * 0.26, ry * 0.2, mix(colour, WHITE, 0.6), -30)
