"""Colours, fonts and lines of text of the drawn picture."""

from __future__ import annotations

import unicodedata
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


# What Pillow's own font draws for sure.
_PLAIN = frozenset(chr(code) for code in range(32, 127)) | {"·", "…"}
_SYSTEM_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "Arial.ttf",
    "Arial Unicode.ttf",
)


@dataclass(frozen=True)
class Style:
    """The sizes of one drawn picture.

    Args:
        unit: height of plain text in pixels; everything else is a multiple of it.
    """

    unit: int

    @property
    def gap(self) -> int:
        """Return the pixels between parts."""
        return self.unit

    @property
    def column_width(self) -> int:
        """Return the width of a column of cards in pixels."""
        return 25 * self.unit

    def line(self, text: str, size: float, width: float | None = None) -> tuple[str, Font]:
        """Return a line of text and a font that has its letters.

        Args:
            text: any text; white space becomes single spaces.
            size: height in units.
            width: the line is cut with an ellipsis where it is wider, in pixels.
        """
        line = " ".join(text.split())
        pixels = max(6, round(size * self.unit))
        font = _font(pixels)
        if not _PLAIN.issuperset(line):
            wide = _system_font(pixels)
            line, font = (line, wide) if wide else (_plain(line), font)
        return (line if width is None else _cut(line, font, width)), font

    def write(
        self,
        pen: ImageDraw.ImageDraw,
        place: tuple[int, int],
        text: str,
        size: float,
        ink: str,
        width: float | None = None,
        anchor: str = "la",
    ) -> None:
        """Write one line; `anchor` says which point of it lies at `place`, as in Pillow."""
        line, font = self.line(text, size, width)
        pen.text(place, line, fill=ink, font=font, anchor=anchor)


def colour(index: int) -> str:
    """Return the colour of a region."""
    return _COLOURS[(index - 1) % len(_COLOURS)]


def ink_on(background: str) -> str:
    """Return black or white, whichever has more contrast to a colour."""
    red, green, blue = (int(background[place : place + 2], 16) for place in (1, 3, 5))
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 150 else "#ffffff"


def _cut(line: str, font: Font, width: float) -> str:
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


@lru_cache(maxsize=32)
def _font(pixels: int) -> Font:
    return ImageFont.load_default(pixels)


@lru_cache(maxsize=32)
def _system_font(pixels: int) -> Font | None:
    """Return a local font with letters beyond ASCII, which Pillow's own lacks."""
    for name in _SYSTEM_FONTS:
        try:
            return ImageFont.truetype(name, round(pixels * 0.92))
        except OSError:  # noqa: PERF203 - a handful of names, once per size
            continue
    return None


def _plain(line: str) -> str:
    """Return the line in letters of Pillow's own font.

    Accents are dropped; a letter without ASCII form becomes "?".
    """
    letters = (unicodedata.normalize("NFKD", char) for char in line)
    plain = ("".join(c for c in letter if not unicodedata.combining(c)) or "?" for letter in letters)
    return "".join(letter if _PLAIN.issuperset(letter) else "?" for letter in plain)
