"""Flat artwork of a pack: front and side panels."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from whatsit.rendering.canvas import Canvas, Colour, mix, readable_on
from whatsit.rendering.design import Design
from whatsit.rendering.illustrations import draw_picture
from whatsit.rendering.ornaments import badge, brand_name, logo, pattern, picture

_WHITE: Colour = (252, 250, 244)
_BLACK: Colour = (18, 16, 22)


def _banded(c: Canvas, design: Design) -> None:
    w, h = c.width, c.height
    pattern(c, design, mix(design.ground, _WHITE, 0.12))
    band = design.brand.paper if design.rng(31).random() < 0.5 else mix(design.second, _BLACK, 0.1)
    c.rectangle(0, h * 0.08, w, h * 0.29, band)
    brand_name(c, design, w / 2, h * 0.185, h * 0.12, w * 0.86, readable_on(band, design.brand.base))
    picture(c, design, w / 2, h * 0.53, min(w * 0.36, h * 0.2))
    c.rectangle(0, h * 0.77, w, h * 0.9, design.second)
    ink = readable_on(design.second, _WHITE)
    c.text(design.variant, w / 2, h * 0.835, h * 0.075, ink, w * 0.84, stroke=1)
    c.text(design.noun, w / 2, h * 0.34, h * 0.05, readable_on(design.ground, _WHITE), w * 0.8)


def _waved(c: Canvas, design: Design) -> None:
    w, h, rng = c.width, c.height, design.rng(32)
    c.rectangle(0, 0, w, h, design.brand.paper)
    t = np.linspace(0, 1, 24)
    for lift, colour in ((0.0, design.brand.accent), (0.05, design.ground)):
        edge = h * (0.5 + lift) + h * 0.07 * np.sin(t * rng.uniform(3, 6) + 1.0)
        c.polygon(np.concatenate([np.stack([t * w, edge], 1), [(w, h), (0, h)]]), colour)
    logo(c, design, w / 2, h * 0.1, h * 0.055, design.brand.base, design.brand.paper)
    brand_name(c, design, w / 2, h * 0.235, h * 0.11, w * 0.88, readable_on(design.brand.paper, design.brand.base))
    c.text(design.noun, w / 2, h * 0.345, h * 0.055, readable_on(design.brand.paper, design.second), w * 0.8)
    picture(c, design, w * 0.5, h * 0.6, min(w * 0.38, h * 0.19))
    c.text(design.variant, w / 2, h * 0.87, h * 0.075, readable_on(design.ground, _WHITE), w * 0.86, stroke=1)


def _plaque(c: Canvas, design: Design) -> None:
    w, h = c.width, c.height
    pattern(c, design, mix(design.ground, design.brand.accent, 0.55))
    c.ellipse(w / 2, h * 0.4, w * 0.43, h * 0.3, design.second)
    c.ellipse(w / 2, h * 0.4, w * 0.4, h * 0.275, design.brand.paper)
    brand_name(c, design, w / 2, h * 0.29, h * 0.1, w * 0.66, readable_on(design.brand.paper, design.brand.base))
    c.text(design.noun, w / 2, h * 0.375, h * 0.045, readable_on(design.brand.paper, design.second), w * 0.6)
    picture(c, design, w / 2, h * 0.51, min(w * 0.22, h * 0.11))
    c.rounded(w * 0.1, h * 0.77, w * 0.9, h * 0.88, h * 0.04, design.colour)
    c.text(design.variant, w / 2, h * 0.825, h * 0.065, readable_on(design.colour, _WHITE), w * 0.7, stroke=1)


def _diagonal(c: Canvas, design: Design) -> None:
    w, h = c.width, c.height
    slope = 0.12 if design.layout & 64 else -0.12
    c.polygon([(0, h * (0.45 + slope)), (w, h * (0.45 - slope)), (w, h), (0, h)], design.second)
    c.polygon([(0, h * (0.42 + slope)), (w, h * (0.42 - slope)), (w, h * (0.45 - slope)), (0, h * (0.45 + slope))],
              design.brand.accent)  # fmt: skip
    ink = readable_on(design.ground, design.brand.paper)
    brand_name(c, design, w / 2, h * 0.16, h * 0.13, w * 0.88, ink)
    c.text(design.noun, w / 2, h * 0.27, h * 0.055, ink, w * 0.8)
    picture(c, design, w * 0.5, h * 0.58, min(w * 0.37, h * 0.2))
    c.text(design.variant, w / 2, h * 0.86, h * 0.08, readable_on(design.second, _WHITE), w * 0.86, stroke=1)


def _minimal(c: Canvas, design: Design) -> None:
    w, h = c.width, c.height
    paper = mix(design.brand.paper, design.ground, 0.12)
    c.rectangle(0, 0, w, h, paper)
    ink = readable_on(paper, mix(design.brand.base, _BLACK, 0.3))
    logo(c, design, w * 0.5, h * 0.12, h * 0.06, design.brand.base, paper)
    brand_name(c, design, w / 2, h * 0.25, h * 0.07, w * 0.8, ink)
    c.stroke([(w * 0.15, h * 0.32), (w * 0.85, h * 0.32)], ink, 2)
    c.text(design.variant, w / 2, h * 0.42, h * 0.12, readable_on(paper, design.colour), w * 0.86, stroke=2)
    c.text(design.noun, w / 2, h * 0.52, h * 0.05, ink, w * 0.8)
    picture(c, design, w / 2, h * 0.7, min(w * 0.3, h * 0.13))
    c.rectangle(0, h * 0.86, w, h, design.ground)


def _scattered(c: Canvas, design: Design) -> None:
    w, h, rng = c.width, c.height, design.rng(33)
    step = w * rng.uniform(0.3, 0.42)
    for j in range(int(h / step) + 2):
        for i in range(int(w / step) + 2):
            draw_picture(
                c, design.picture, (i + 0.5 * (j % 2)) * step, j * step, step * 0.3, mix(design.colour, _WHITE, 0.1)
            )
    c.rounded(w * 0.08, h * 0.28, w * 0.92, h * 0.7, w * 0.06, design.second)
    ink = readable_on(design.second, _WHITE)
    brand_name(c, design, w / 2, h * 0.39, h * 0.12, w * 0.76, ink)
    c.text(design.noun, w / 2, h * 0.5, h * 0.055, ink, w * 0.7)
    c.text(
        design.variant, w / 2, h * 0.6, h * 0.07, readable_on(design.second, design.brand.accent), w * 0.72, stroke=2
    )


def _sided(c: Canvas, design: Design) -> None:
    w, h = c.width, c.height
    pattern(c, design, mix(design.ground, _BLACK, 0.1))
    c.rectangle(0, 0, w * 0.3, h, design.second)
    look = design.brand
    name = look.name.upper() if look.upper else look.name
    c.text(
        name,
        w * 0.15,
        h * 0.5,
        w * 0.19,
        readable_on(design.second, look.paper),
        h * 0.85,
        look.stroke,
        look.spacing,
        True,
    )
    ink = readable_on(design.ground, _WHITE)
    picture(c, design, w * 0.65, h * 0.35, min(w * 0.32, h * 0.24))
    c.text(design.variant, w * 0.65, h * 0.68, h * 0.085, ink, w * 0.62, stroke=1)
    c.text(design.noun, w * 0.65, h * 0.78, h * 0.05, ink, w * 0.6)


# Each layout with the spot (shares of width and height) where a badge covers nothing that matters.
_LAYOUTS: tuple[tuple[Callable[[Canvas, Design], None], tuple[float, float]], ...] = (
    (_banded, (0.85, 0.66)),
    (_waved, (0.16, 0.46)),
    (_plaque, (0.15, 0.09)),
    (_diagonal, (0.14, 0.4)),
    (_minimal, (0.83, 0.11)),
    (_scattered, (0.82, 0.17)),
    (_sided, (0.87, 0.09)),
)


def front(design: Design, width: int, height: int) -> Canvas:
    """Return the front panel, RGB [height, width, 3]."""
    canvas, chosen = Canvas(width, height, design.ground), design.layout % len(_LAYOUTS)
    draw_layout, spot = _LAYOUTS[chosen]
    draw_layout(canvas, design)
    rng = design.rng(35)
    red, green, blue = (int(v) for v in canvas.pixels[int(height * 0.955), int(width * 0.8)])
    ink = readable_on((red, green, blue), _BLACK)
    canvas.text(design.size, width * 0.8, height * 0.955, height * 0.045, ink, width * 0.3)
    if rng.random() < 0.45:
        badge(canvas, design, width * spot[0], height * spot[1], min(width, height) * 0.11)
    # Print is never quite even: a little lighter above than below.
    fall = cv2.resize(np.array([[1.05], [0.95]], np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    black = np.zeros_like(canvas.pixels)
    canvas.pixels = cv2.blendLinear(canvas.pixels, black, fall / 1.05, 1 - fall / 1.05).astype(np.uint8, copy=False)
    return canvas


def _print(c: Canvas, rng: np.random.Generator, x1: float, y1: float, x2: float, y2: float, colour: Colour) -> None:
    """Draw lines that resemble small print."""
    y = y1
    while y < y2:
        end = x1 + (x2 - x1) * rng.uniform(0.6, 1.0)
        c.stroke([(x1, y), (end, y)], colour, 1)
        y += 5


def side(design: Design, width: int, height: int) -> Canvas:
    """Return a side panel: brand, nutrition table, small print, bar code."""
    canvas, rng = Canvas(width, height, mix(design.ground, _BLACK, 0.04)), design.rng(36)
    ink = readable_on(design.ground, _WHITE)
    canvas.rectangle(0, height * 0.77, width, height * 0.9, design.second)
    box = readable_on(ink, _WHITE)
    canvas.text(design.brand.name, width * 0.5, height * 0.12, height * 0.07, ink, width * 0.8, design.brand.stroke)
    canvas.rectangle(width * 0.12, height * 0.24, width * 0.88, height * 0.5, box)
    _print(canvas, rng, width * 0.18, height * 0.27, width * 0.82, height * 0.49, readable_on(box, _BLACK))
    _print(canvas, rng, width * 0.15, height * 0.54, width * 0.85, height * 0.64, ink)
    canvas.rectangle(width * 0.2, height * 0.66, width * 0.8, height * 0.76, _WHITE)
    x = width * 0.24
    while x < width * 0.76:
        bar = rng.uniform(1, 3.5)
        canvas.rectangle(x, height * 0.67, x + bar, height * 0.75, _BLACK)
        x += bar + rng.uniform(1.5, 3.5)
    return canvas
