"""The illustrations that labels carry, by name."""

from __future__ import annotations

from whatsit.rendering.canvas import Canvas, Colour
from whatsit.rendering.fruit import FRUIT
from whatsit.rendering.illustration_shapes import Draw
from whatsit.rendering.motifs import MOTIFS
from whatsit.rendering.plants import PLANTS

PICTURES: dict[str, Draw] = FRUIT | PLANTS | MOTIFS


def draw_picture(canvas: Canvas, name: str, x: float, y: float, radius: float, colour: Colour) -> None:
    """Draw the illustration `name` of `PICTURES` inside a circle."""
    PICTURES[name](canvas, x, y, radius, colour)
