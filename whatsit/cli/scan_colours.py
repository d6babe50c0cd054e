"""Colours and letters of what `whatsit scan --save` draws."""

from __future__ import annotations

from functools import cache

from PIL import Image, ImageDraw, ImageFont

SCALE = 2  # everything is drawn for screens of twice as many pixels
BACKGROUND, CARD, INK, MUTED, FAINT = "#0e1117", "#171b24", "#f4f6fb", "#98a2b3", "#2a303c"
STATES = {"moving": "#667085", "settling": "#f2b84b", "stable": "#5b8cff", "sent": "#34c98a"}
PROBLEM = "#f2753a"


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font at a size in points of the picture."""
    return ImageFont.load_default(size * SCALE)


def write(
    pen: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: int = 13, ink: str = INK, anchor: str = "la"
) -> None:
    """Write one line at a place in points of the picture."""
    pen.text((place[0] * SCALE, place[1] * SCALE), text, fill=ink, font=font(size), anchor=anchor)


def write_legend(pen: ImageDraw.ImageDraw, right: float) -> None:
    """Write the names of the states beside their colours, at the upper right."""
    for state in reversed(STATES):
        write(pen, (right, 26), state, 12, MUTED, "ra")
        right -= pen.textlength(state, font=font(12)) / SCALE + 8
        pen.rounded_rectangle([v * SCALE for v in (right - 10, 28, right, 38)], 3 * SCALE, fill=STATES[state])
        right -= 28


def rounded(picture: Image.Image, radius: int) -> Image.Image:
    """Return a picture with round corners, RGBA."""
    mask = Image.new("L", picture.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, picture.width - 1, picture.height - 1), radius * SCALE, fill=255)
    found = picture.convert("RGBA")
    found.putalpha(mask)
    return found
