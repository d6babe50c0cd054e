"""Composed advertisements: posters, flyers and web banners around a photo."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from whatsit.rendering.mockups.ink import (
    Colour,
    Pixels,
    contrast,
    paragraph,
    paste_photo,
    phrase,
    vivid,
    write,
    write_fitted,
)

_CALLS = (
    "SALE", "-50%", "NEW!", "BUY NOW", "2 FOR 1", "ONLY TODAY", "SAVE 30%", "LAST DAYS", "FREE DELIVERY",
    "HOT DEAL", "SHOP NOW", "OFFER", "ANGEBOT", "SOLDES", "REA", "OFERTA", "BLACK WEEK", "-25%", "BEST PRICE",
    "LIMITED", "ORDER TODAY", "UP TO 70% OFF",
)  # fmt: skip


def compose_advertisement(photos: Sequence[Pixels], rng: np.random.Generator) -> Pixels:
    """Draw an advertisement that shows the first photo prominently.

    Args:
        photos: RGB uint8 [H,W,3], at least one; the others fill flyers.
        rng: decides everything; the same generator state gives the same picture.

    Returns:
        RGB uint8 [H,W,3], a few hundred pixels a side.
    """
    layout = (_overlay, _poster, _web_banner, _flyer)[int(rng.integers(4))]
    return np.asarray(layout(photos, rng), dtype=np.uint8)


def _call(rng: np.random.Generator) -> str:
    return str(rng.choice(_CALLS))


def _price(rng: np.random.Generator) -> str:
    value = rng.uniform(0.5, 200)
    form = str(rng.choice(["{:.2f}", "{:.0f},-", "${:.2f}", "{:.2f} EUR", "{:.0f} kr"]))
    return form.format(value)


def _burst(draw: ImageDraw.ImageDraw, centre: tuple[float, float], radius: float, rng: np.random.Generator) -> None:
    """A star or a disc with a price in it."""
    fill = vivid(rng)
    x, y = centre
    if rng.random() < 0.6:
        points = int(rng.integers(10, 20)) * 2
        inner = rng.uniform(0.75, 0.9)
        star = [
            (x + radius * (inner if k % 2 else 1) * math.cos(k * 2 * math.pi / points),
             y + radius * (inner if k % 2 else 1) * math.sin(k * 2 * math.pi / points))
            for k in range(points)
        ]  # fmt: skip
        draw.polygon(star, fill=fill)
    else:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    box = (int(x - radius * 0.75), int(y - radius * 0.4), int(x + radius * 0.75), int(y + radius * 0.4))
    write_fitted(draw, box, _price(rng) if rng.random() < 0.6 else _call(rng), contrast(fill))


def _button(draw: ImageDraw.ImageDraw, at: tuple[float, float], width: float, rng: np.random.Generator) -> None:
    fill = vivid(rng)
    x, y = int(at[0]), int(at[1])
    right, bottom = int(x + width), int(y + width * 0.28)
    draw.rounded_rectangle((x, y, right, bottom), int(width * rng.uniform(0, 0.14)), fill=fill)
    write_fitted(draw, (x, y, right, bottom), _call(rng), contrast(fill))


def _ground(size: tuple[int, int], rng: np.random.Generator) -> tuple[Image.Image, Colour]:
    """A plain or graded background and its middle colour."""
    first, second = vivid(rng), vivid(rng)
    if rng.random() < 0.3:
        first = second = (255, 255, 255)
    elif rng.random() < 0.5:
        second = first
    ramp = np.linspace(0, 1, size[1], dtype=np.float32)[:, None, None]
    rows = np.array(first) * (1 - ramp) + np.array(second) * ramp
    pixels = np.broadcast_to(rows, (size[1], size[0], 3)).astype(np.uint8)
    middle = tuple(int(v) for v in pixels[size[1] // 2, 0])
    return Image.fromarray(np.ascontiguousarray(pixels)), (middle[0], middle[1], middle[2])


def _overlay(photos: Sequence[Pixels], rng: np.random.Generator) -> Image.Image:
    """The photo fills the picture; a banner, a headline and a burst lie on it."""
    width = int(rng.integers(300, 480))
    height = int(width * rng.uniform(0.6, 1.4))
    canvas = Image.new("RGB", (width, height))
    paste_photo(canvas, photos[0], (0, 0, width, height))
    draw = ImageDraw.Draw(canvas)
    band = int(height * rng.uniform(0.14, 0.3))
    top = int(rng.choice([0, height - band]))
    fill = vivid(rng)
    draw.rectangle((0, top, width, top + band), fill=fill)
    write_fitted(draw, (8, top, width - 8, top + int(band * 0.65)), phrase(rng, 1, 3), contrast(fill))
    write_fitted(
        draw, (width // 5, top + int(band * 0.62), width * 4 // 5, top + band), phrase(rng, 2, 5), contrast(fill), False
    )
    radius = width * rng.uniform(0.12, 0.2)
    y = height * (0.7 if top == 0 else 0.28)
    _burst(draw, (width * float(rng.choice([0.22, 0.78])), y), radius, rng)
    if rng.random() < 0.5:
        _button(draw, (width * rng.uniform(0.1, 0.5), height * 0.5), width * 0.35, rng)
    return canvas


def _poster(photos: Sequence[Pixels], rng: np.random.Generator) -> Image.Image:
    """Draw headline, photo, price and small print on a coloured ground."""
    width = int(rng.integers(280, 420))
    height = int(width * rng.uniform(1.1, 1.6))
    canvas, ground = _ground((width, height), rng)
    draw = ImageDraw.Draw(canvas)
    ink = contrast(ground)
    margin = width // 12
    write_fitted(draw, (margin, margin // 2, width - margin, height // 6), phrase(rng, 1, 2), ink)
    write_fitted(draw, (margin, height // 6, width - margin, height // 4), phrase(rng, 2, 4), ink, False)
    box = (margin, height // 4, width - margin, int(height * 0.72))
    if rng.random() < 0.4:
        side = min(box[2] - box[0], box[3] - box[1])
        left = (width - side) // 2
        inset = Image.new("RGB", (side, side))
        paste_photo(inset, photos[0], (0, 0, side, side))
        mask = Image.new("L", (side, side))
        ImageDraw.Draw(mask).ellipse((0, 0, side, side), fill=255)
        canvas.paste(inset, (left, box[1]), mask)
    else:
        paste_photo(canvas, photos[0], box)
        draw.rectangle(box, outline=ink, width=int(rng.integers(1, 6)))
    _burst(draw, (width * rng.uniform(0.2, 0.8), height * 0.72), width * rng.uniform(0.12, 0.2), rng)
    paragraph(draw, (margin, int(height * 0.86), width // 2, height - margin // 2), max(width // 36, 7), ink, rng)
    _button(draw, (width * 0.55, height * 0.86), width * 0.38, rng)
    return canvas


def _web_banner(photos: Sequence[Pixels], rng: np.random.Generator) -> Image.Image:
    """A wide banner: text on one side, the photo on the other."""
    height = int(rng.integers(160, 280))
    width = int(height * rng.uniform(1.6, 2.8))
    canvas, ground = _ground((width, height), rng)
    draw = ImageDraw.Draw(canvas)
    split = int(width * rng.uniform(0.4, 0.6))
    left = bool(rng.random() < 0.5)
    paste_photo(canvas, photos[0], (0, 0, split, height) if left else (width - split, 0, width, height))
    x = split + 8 if left else 8
    right = width - 8 if left else width - split - 8
    ink = contrast(ground)
    write_fitted(draw, (x, int(height * 0.06), right, int(height * 0.4)), _call(rng), ink)
    write_fitted(draw, (x, int(height * 0.4), right, int(height * 0.58)), phrase(rng, 2, 4), ink, False)
    _button(draw, (x + (right - x) * 0.2, height * 0.66), (right - x) * 0.6, rng)
    if rng.random() < 0.5:
        _burst(draw, (float(split if left else width - split), height * 0.5), height * 0.18, rng)
    return canvas


def _flyer(photos: Sequence[Pixels], rng: np.random.Generator) -> Image.Image:
    """Draw a leaflet's page: a headline and several offers with photo, name and price."""
    width = int(rng.integers(320, 460))
    height = int(width * rng.uniform(0.9, 1.4))
    canvas, ground = _ground((width, height), rng)
    draw = ImageDraw.Draw(canvas)
    head = height // 7
    write_fitted(draw, (8, 0, width - 8, head), f"{phrase(rng, 1, 2)} {_call(rng)}", contrast(ground))
    columns, rows = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    for i in range(columns * rows):
        x, y = i % columns * width // columns + 5, head + i // columns * (height - head) // rows + 3
        right, bottom = x + width // columns - 10, y + (height - head) // rows - 6
        draw.rectangle((x, y, right, bottom), fill=(255, 255, 255))
        text = bottom - (bottom - y) // 4
        paste_photo(canvas, photos[i % len(photos)], (x + 3, y + 3, right - 3, text))
        write(draw, (x + 5, text), phrase(rng, 1, 2), max((bottom - y) // 14, 7), (20, 20, 20))
        tag = vivid(rng)
        box = (int(x + (right - x) * 0.45), int(text + (bottom - text) * 0.3), right, bottom)
        draw.rectangle(box, fill=tag)
        write_fitted(draw, box, _price(rng), contrast(tag))
    return canvas
