"""Invented brands: name, colours, type and logo."""

from __future__ import annotations

import colorsys
import zlib
from dataclasses import dataclass

import numpy as np

from whatsit.rendering.canvas import Colour

_HEADS = (
    "Nord", "Sol", "Vel", "Tarn", "Brim", "Quen", "Hald", "Myr", "Ostra", "Fen", "Lum", "Kest", "Orr", "Pell", "Rud",
    "Sarn", "Thim", "Ulv", "Wend", "Yar", "Zell", "Cald", "Drov", "Elm", "Frisk", "Gron", "Hesp", "Ild", "Jor", "Kvar",
    "Lind", "Marr", "Nim", "Oke", "Pryd", "Rosk", "Skal", "Torv", "Vann", "Wyr",
)  # fmt: skip
_TAILS = (
    "vik", "mera", "enda", "holt", "ling", "ora", "wick", "dal", "gard", "isk", "ombe", "ula", "arro", "mont", "stead",
    "etta", "ava", "inge", "o", "by", "una", "esk", "imo", "ander", "ell",
)  # fmt: skip
_SECOND = ("& Sons", "Farm", "Hill", "Bros", "House", "Valley", "Mill", "Works")
# Combinations that are, or sound like, names in use.
_TAKEN = {
    "Elmo", "Fenda", "Hespora", "Ildo", "Lindby", "Lindell", "Lindo", "Lindora", "Lumimo", "Lumo", "Nimo", "Nordell",
    "Nordisk", "Okeo", "Pello", "Solander", "Solimo", "Solo", "Solora", "Velo", "Veloby", "Velora", "Zello", "Zellava",
}  # fmt: skip


@dataclass(frozen=True)
class Brand:
    """The look of a brand.

    Attributes:
        name: The invented name.
        base: Main colour.
        accent: Second colour.
        paper: Light or dark ground for text.
        logo: Number of the logo's shape.
        stroke: Weight of its lettering.
        spacing: Extra space between letters.
        upper: Whether the name is set in capitals.
        slant: How much the name leans, as a share of its height.
        plate: What lies behind the name: 0 and 1 nothing, 2 pill, 3 ellipse, 4 drop shadow, 5 underline.
    """

    name: str
    base: Colour
    accent: Colour
    paper: Colour
    logo: int
    stroke: int
    spacing: int
    upper: bool
    slant: float
    plate: int


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Return RGB 0..255 of a hue, saturation and value in 0..1 (the hue wraps)."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, min(1.0, saturation), min(1.0, value))
    return (round(red * 255), round(green * 255), round(blue * 255))


def invent_name(rng: np.random.Generator, taken: set[str]) -> str:
    """Invent a brand name that is not in `taken`."""
    while True:
        name = _HEADS[rng.integers(len(_HEADS))] + _TAILS[rng.integers(len(_TAILS))]
        if rng.random() < 0.18:
            name += " " + _SECOND[rng.integers(len(_SECOND))]
        if name not in taken and name not in _TAKEN:
            return name


def brand_look(name: str) -> Brand:
    """Return the look of a brand; equal names give equal looks."""
    rng = np.random.default_rng([zlib.crc32(name.encode()), 7])
    hue, style = rng.random(), rng.random()
    if style < 0.62:
        base = hsv(hue, rng.uniform(0.55, 0.95), rng.uniform(0.35, 0.85))
    elif style < 0.74:
        base = hsv(0.1, 0.08, 0.97)
    elif style < 0.84:
        base = hsv(hue, 0.2, 0.18)
    elif style < 0.92:
        base = hsv(0.085, 0.36, 0.76)
    else:
        base = hsv(hue, 0.25, 0.9)
    accent = hsv(hue + rng.choice([0.08, 0.33, 0.5, 0.58, -0.1]), rng.uniform(0.55, 0.95), rng.uniform(0.6, 0.95))
    paper = (252, 250, 244) if rng.random() < 0.75 else hsv(hue + 0.5, 0.12, 0.98)
    return Brand(
        name=name,
        base=base,
        accent=accent,
        paper=paper,
        logo=int(rng.integers(8)),
        stroke=int(rng.choice([0, 1, 1, 2])),
        spacing=int(rng.choice([0, 0, 0, 6, 12])),
        upper=bool(rng.random() < 0.45),
        slant=float(rng.choice([0.0, 0.0, 0.0, 0.22])),
        plate=int(rng.integers(6)),
    )
