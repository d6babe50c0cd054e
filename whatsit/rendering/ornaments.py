"""Parts of layouts: logo, brand name, patterns, illustrations, stickers."""

from __future__ import annotations

import numpy as np

from whatsit.rendering.canvas import Canvas, Colour, luminance, mix, readable_on
from whatsit.rendering.design import Design
from whatsit.rendering.illustrations import draw_picture

_WHITE: Colour = (252, 250, 244)
_BLACK: Colour = (18, 16, 22)


def logo(c: Canvas, design: Design, x: float, y: float, r: float, colour: Colour, under: Colour) -> None:
    """Draw the brand's logo inside a circle of radius `r`."""
    kind = design.brand.logo
    if kind == 0:
        c.ellipse(x, y, r, r, colour)
        c.ellipse(x + r * 0.3, y - r * 0.15, r * 0.75, r * 0.75, under)
    elif kind == 1:
        for k in range(3):
            c.polygon([(x - r + k * r * 0.6, y + r * 0.7), (x - r * 0.5 + k * r * 0.6, y - r * 0.7),
                       (x + k * r * 0.6, y + r * 0.7)], mix(colour, under, 0.25 * k))  # fmt: skip
    elif kind == 2:
        c.polygon([(x, y - r), (x + r, y), (x, y + r), (x - r, y)], colour)
        c.polygon([(x, y - r * 0.5), (x + r * 0.5, y), (x, y + r * 0.5), (x - r * 0.5, y)], under)
    elif kind == 3:
        for k in range(10):
            a = np.pi / 5 * k
            c.stroke([(x + r * 0.5 * np.cos(a), y + r * 0.5 * np.sin(a)), (x + r * np.cos(a), y + r * np.sin(a))],
                     colour, r * 0.14)  # fmt: skip
        c.ellipse(x, y, r * 0.42, r * 0.42, colour)
    elif kind == 4:
        c.rounded(x - r, y - r, x + r, y + r, r * 0.35, colour)
        c.text(design.brand.name[0], x, y, r * 1.1, under, stroke=2)
    elif kind == 5:
        for k in range(3):
            t = np.linspace(-1, 1, 14)
            c.stroke(np.stack([x + t * r, y + (k - 1) * r * 0.5 + r * 0.2 * np.sin(t * 5)], 1), colour, r * 0.2)
    elif kind == 6:
        c.ellipse(x, y, r, r, colour)
        c.text(design.brand.name[0], x, y, r * 1.1, under, stroke=1)
    else:
        corners = np.pi / 3 * np.arange(6)
        c.polygon(np.stack([x + r * np.cos(corners), y + r * np.sin(corners)], 1), colour)
        c.ellipse(x, y, r * 0.45, r * 0.45, under)


def pattern(c: Canvas, design: Design, colour: Colour) -> None:
    """Cover the canvas with the line's pattern.

    Patterns are stripes, dots, waves, checks, rays or nothing.
    """
    kind, rng = design.pattern % 8, design.rng(21)
    w, h, pitch = c.width, c.height, c.width * rng.uniform(0.09, 0.2)
    if kind == 0:
        for k in range(int(w / pitch) + 1):
            c.rectangle(k * pitch, 0, k * pitch + pitch * 0.45, h, colour)
    elif kind == 1:
        for j in range(int(h / pitch) + 1):
            for i in range(int(w / pitch) + 1):
                c.ellipse((i + 0.5 * (j % 2)) * pitch, j * pitch, pitch * 0.22, pitch * 0.22, colour)
    elif kind == 2:
        t = np.linspace(0, w, 24)
        for k in range(int(h / pitch) + 2):
            c.stroke(np.stack([t, k * pitch + np.sin(t / w * 12) * pitch * 0.3], 1), colour, pitch * 0.22)
    elif kind == 3:
        for k in range(-int(h / pitch) - 1, int(w / pitch) + 1):
            x1, x2 = k * pitch, k * pitch + pitch * 0.45
            c.polygon([(x1, 0), (x2, 0), (x2 + h, h), (x1 + h, h)], colour)
    elif kind == 4:
        for k in range(14):
            a = np.array([k, k + 0.5]) * 2 * np.pi / 14
            tip = np.stack([w / 2 + 2 * h * np.cos(a), h * 0.55 + 2 * h * np.sin(a)], 1)
            c.polygon(np.concatenate([[(w / 2, h * 0.55)], tip]), colour)
    elif kind == 5:
        for _ in range(14):
            x, y, r = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.03, 0.14) * w
            c.ellipse(x, y, r, r * rng.uniform(0.6, 1.0), colour, rng.uniform(0, 180))


def brand_name(c: Canvas, design: Design, x: float, y: float, height: float, width: float, colour: Colour) -> None:
    """Write the brand's name centred on (x, y), at most `width` wide."""
    look = design.brand
    name = look.name.upper() if look.upper else look.name
    long = min(width, height * 0.85 * len(name))
    if look.plate in (2, 3):
        plate = look.accent if luminance(look.accent) > 150 else mix(look.base, _BLACK, 0.2)
        if look.plate == 2:
            c.rounded(x - long / 2, y - height * 0.75, x + long / 2, y + height * 0.75, height * 0.7, plate)
        else:
            c.ellipse(x, y, long * 0.52, height * 0.8, _WHITE)
            c.ellipse(x, y, long * 0.5, height * 0.73, plate)
        colour, width = readable_on(plate, _WHITE), long * 0.84
    elif look.plate == 4:
        shadow = mix(colour, _BLACK if luminance(colour) > 128 else _WHITE, 0.6)
        c.text(
            name,
            x + height * 0.05,
            y + height * 0.06,
            height,
            shadow,
            width,
            look.stroke,
            look.spacing,
            slant=look.slant,
        )
    written = c.text(name, x, y, height, colour, width, look.stroke, look.spacing, slant=look.slant)
    if look.plate == 5:
        t = np.linspace(-0.5, 0.5, 12)
        line = np.stack([x + t * written, y + height * 0.68 - height * 0.25 * t**2], 1)
        c.stroke(line, look.accent, max(1.0, height * 0.09))


def picture(c: Canvas, design: Design, x: float, y: float, r: float, colour: Colour | None = None) -> None:
    """Draw the variant's illustration, on a disc where contrast is low."""
    colour = colour or design.colour
    row, column = min(c.height - 1, max(0, int(y))), min(c.width - 1, max(0, int(x)))
    under = c.pixels[row, column].astype(int)
    if np.abs(under - np.array(colour)).sum() < 170:
        light = luminance(colour) < 170
        c.ellipse(x, y, r * 1.2, r * 1.2, mix(colour, _WHITE if light else _BLACK, 0.35))
        c.ellipse(x, y, r * 1.14, r * 1.14, mix(colour, _WHITE if light else (70, 50, 30), 0.86 if light else 0.7))
    draw_picture(c, design.picture, x, y, r, colour)


def badge(c: Canvas, design: Design, x: float, y: float, r: float) -> None:
    """Draw a round or star-shaped sticker with an advertising word."""
    rng = design.rng(23)
    word = ["BIO", "NEW", "100%", "FRESH", "ECO", "No 1"][rng.integers(6)]
    colour = design.brand.accent
    if rng.random() < 0.5:
        a = np.pi / 12 * np.arange(24)
        star = r * np.where(np.arange(24) % 2, 0.86, 1.0)
        c.polygon(np.stack([x + star * np.cos(a), y + star * np.sin(a)], 1), colour)
    else:
        c.ellipse(x, y, r, r, colour)
    c.text(word, x, y, r * 0.5, readable_on(colour, _WHITE), r * 1.5, stroke=1)
