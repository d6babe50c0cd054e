"""Colours, fonts and lines of text of the drawn picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from PIL import ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

BACKGROUND = "#f3f4f6"
CARD = "#ffffff"
INK = "#15181e"
MUTED = "#667080"
FAINT = "#dde1e7"

# Far apart in hue and lightness, dark enough for white text or light enough for black.
_COLOURS = (
    "#d7263d", "#1b7fd6", "#1e9e5a", "#f2a516", "#7b3fc4", "#0fa3b1", "#e2589b", "#8a5a2b", "#5c7c10", "#1f2f8f",
)  # fmt: skip


@dataclass(frozen=True)
class Style:
    """The measures of one picture.

    Args:
        unit: height of plain text in pixels; everything else is a multiple of it.
    """

    unit: int

    @property
    def gap(self) -> int:
        """Pixels between parts."""
        return self.unit

    @property
    def panel_width(self) -> int:
        """Pixels of the side panel."""
        return 25 * self.unit

    def font(self, size: float) -> Font:
        """The text font, `size` units high."""
        return _font(max(6, round(size * self.unit)))


def colour(index: int) -> str:
    """The colour of a region."""
    return _COLOURS[(index - 1) % len(_COLOURS)]


def ink_on(background: str) -> str:
    """Black or white, whichever reads better on a colour."""
    red, green, blue = (int(background[place : place + 2], 16) for place in (1, 3, 5))
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 150 else "#ffffff"


def fitted(text: str, font: Font, width: float) -> str:
    """The text on one line, cut with an ellipsis where it is wider than `width` pixels."""
    line = " ".join(text.split())
    if font.getlength(line) <= width:
        return line
    low, high = 0, len(line)
    while low < high:
        middle = (low + high + 1) // 2
        if font.getlength(line[:middle].rstrip() + "…") <= width:
            low = middle
        else:
            high = middle - 1
    return line[:low].rstrip() + "…" if low else ""


def text_line(pen: ImageDraw.ImageDraw, place: tuple[int, int], text: str, font: Font, ink: str, width: float) -> None:
    """Write one line from its upper left corner, at most `width` pixels wide."""
    pen.text(place, fitted(text, font, width), fill=ink, font=font, anchor="la")


@lru_cache(maxsize=32)
def _font(size: int) -> Font:
    return ImageFont.load_default(size)
