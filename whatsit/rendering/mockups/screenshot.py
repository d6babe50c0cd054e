"""Composed screenshots: a photo inside an invented app, browser, chat or gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from whatsit.rendering.mockups.ink import Box, Colour, Pixels, contrast, paragraph, paste_photo, phrase, vivid, write


@dataclass(frozen=True)
class _Theme:
    page: Colour
    bar: Colour
    text: Colour
    faint: Colour
    accent: Colour


def compose_screenshot(photos: Sequence[Pixels], rng: np.random.Generator) -> Pixels:
    """Draw a screenshot that shows the first photo prominently.

    Args:
        photos: RGB uint8 [H,W,3], at least one; the others fill grids and previews.
        rng: decides everything; the same generator state gives the same picture.

    Returns:
        RGB uint8 [H,W,3], a few hundred pixels a side.
    """
    layout = (_feed, _chat, _gallery, _browser, _product_page)[int(rng.integers(5))]
    return np.asarray(layout(photos, rng), dtype=np.uint8)


def _theme(rng: np.random.Generator) -> _Theme:
    accent = vivid(rng)
    if rng.random() < 0.35:
        dark = int(rng.integers(0, 40))
        return _Theme((dark, dark, dark + 4), (dark + 20,) * 3, (235, 235, 235), (130, 130, 135), accent)
    light = int(rng.integers(238, 256))
    bar = accent if rng.random() < 0.3 else (light - 8,) * 3
    return _Theme((light, light, light), bar, (20, 20, 25), (150, 150, 155), accent)


def _phone(rng: np.random.Generator) -> tuple[Image.Image, ImageDraw.ImageDraw, _Theme, int]:
    """A phone's canvas with its status bar; returns the bar's height too."""
    theme = _theme(rng)
    width = int(rng.integers(240, 380))
    height = int(width * rng.uniform(1.5, 2.2))
    canvas = Image.new("RGB", (width, height), theme.page)
    draw = ImageDraw.Draw(canvas)
    bar = width // 16
    draw.rectangle((0, 0, width, bar), fill=theme.bar)
    ink = contrast(theme.bar)
    write(draw, (bar // 2, bar * 0.15), f"{rng.integers(0, 24)}:{rng.integers(0, 60):02d}", int(bar * 0.65), ink)
    right = width - bar // 2
    draw.rectangle((right - bar, bar * 0.3, right, bar * 0.75), outline=ink)
    draw.rectangle((right - bar, bar * 0.3, right - bar * rng.uniform(0, 0.8), bar * 0.75), fill=ink)
    for i in range(4):
        x = right - bar * 2.4 + i * bar * 0.25
        draw.rectangle((x, bar * (0.65 - 0.1 * i), x + bar * 0.12, bar * 0.75), fill=ink)
    return canvas, draw, theme, bar


def _icons(draw: ImageDraw.ImageDraw, box: Box, count: int, colour: Colour, rng: np.random.Generator) -> None:
    left, top, right, bottom = box
    side = (bottom - top) * 0.4
    for i in range(count):
        x = left + (right - left) * (i + 0.5) / count
        y = (top + bottom) / 2
        bounds = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
        shape = int(rng.integers(4))
        line = max(int(side / 8), 1)
        if shape == 0:
            draw.ellipse(bounds, outline=colour, width=line)
        elif shape == 1:
            draw.rectangle(bounds, outline=colour, width=line)
        elif shape == 2:
            draw.polygon([(bounds[0], y), (x, bounds[1]), (bounds[2], y), (x, bounds[3])], outline=colour)
        else:
            for k in range(3):
                draw.line((bounds[0], bounds[1] + k * side / 2, bounds[2], bounds[1] + k * side / 2), colour, line)


def _title_bar(draw: ImageDraw.ImageDraw, theme: _Theme, box: Box, rng: np.random.Generator) -> None:
    left, top, right, bottom = box
    size = (bottom - top) // 2
    draw.rectangle(box, fill=theme.bar)
    ink = contrast(theme.bar)
    draw.line(
        [(left + size, top + size // 2), (left + size // 2, top + size), (left + size, bottom - size // 2)], ink, 2
    )
    write(draw, (left + size * 1.8, top + size * 0.4), phrase(rng, 1, 3), size, ink)
    _icons(draw, (right - 2 * (bottom - top), top, right, bottom), 2, ink, rng)


def _feed(photos: Sequence[Pixels], rng: np.random.Generator) -> Image.Image:
    canvas, draw, theme, bar = _phone(rng)
    width, height = canvas.size
    _title_bar(draw, theme, (0, bar, width, bar * 3), rng)
    y, photo_height = bar * 3, int(width * rng.uniform(0.75, 1.2))
    draw.ellipse((bar // 2, y + bar // 3, bar * 2, y + bar * 11 // 6), fill=theme.accent)
    write(draw, (bar * 2.5, y + bar * 0.5), phrase(rng, 1, 2), int(bar * 0.7), theme.text)
    write(draw, (bar * 2.5, y + bar * 1.3), phrase(rng, 1, 3), int(bar * 0.5), theme.faint)
    y += bar * 2 + bar // 4
    paste_photo(canvas, photos[0], (0, y, width, min(y + photo_height, height)))
    y += photo_height
    _icons(draw, (0, y, width * 2 // 3, y + bar * 2), 4, theme.text, rng)
    bottom = height - bar * 2
    paragraph(draw, (bar, y + bar * 2, width - bar, bottom), int(bar * 0.65), theme.text, rng)
    draw.rectangle((0, bottom, width, height), fill=theme.bar)
    _icons(draw, (0, bottom, width, height), int(rng.integers(3, 6)), contrast(theme.bar), rng)
    return canvas


def _chat(photos: Sequence[Pixels], rng: np.random.Generator) -> Image.Image:
    canvas, draw, theme, bar = _phone(rng)
    width, height = canvas.size
    _title_bar(draw, theme, (0, bar, width, bar * 3), rng)
    y = bar * 4
    shown = False
    while y < height - bar * 4:
        mine = rng.random() < 0.5
        if not shown and (rng.random() < 0.5 or y > height // 3):
            side = int(width * rng.uniform(0.6, 0.85))
            x = width - side - bar if mine else bar
            draw.rounded_rectangle((x - 4, y - 4, x + side + 4, y + side + 4), 8, fill=theme.accent)
            paste_photo(canvas, photos[0], (x, y, x + side, y + side))
            y += side + bar
            shown = True
            continue
        wide, tall = int(width * rng.uniform(0.3, 0.75)), int(bar * rng.uniform(1.4, 3.6))
        x = width - wide - bar if mine else bar
        fill = theme.accent if mine else theme.bar
        draw.rounded_rectangle((x, y, x + wide, y + tall), bar // 2, fill=fill)
        box = (x + bar // 2, y + bar // 3, x + wide - bar // 2, y + tall)
        paragraph(draw, box, int(bar * 0.65), contrast(fill), rng)
        y += tall + bar // 2
    draw.rounded_rectangle((bar, height - bar * 2, width - bar, height - bar // 2), bar // 2, outline=theme.faint)
    write(draw, (bar * 2, height - bar * 1.7), phrase(rng, 1, 2), int(bar * 0.7), theme.faint)
    return canvas


def _gallery(photos: Sequence[Pixels], rng: np.random.Generator) -> Image.Image:
    canvas, draw, theme, bar = _phone(rng)
    width, height = canvas.size
    _title_bar(draw, theme, (0, bar, width, bar * 3), rng)
    bottom = height - bar * 3
    paste_photo(canvas, photos[0], (0, bar * 3, width, bottom), fill=bool(rng.random() < 0.4))
    draw.rectangle((0, bottom, width, height), fill=theme.bar)
    _icons(draw, (0, bottom, width, height), int(rng.integers(3, 6)), contrast(theme.bar), rng)
    if len(photos) > 1 and rng.random() < 0.5:
        side = bar * 2
        for i in range(width // side + 1):
            box = (i * side, bottom - side, (i + 1) * side - 2, bottom)
            paste_photo(canvas, photos[i % len(photos)], box)
    return canvas


def _browser(photos: Sequence[Pixels], rng: np.random.Generator) -> Image.Image:
    theme = _theme(rng)
    width, height = int(rng.integers(420, 640)), int(rng.integers(300, 460))
    canvas = Image.new("RGB", (width, height), theme.page)
    draw = ImageDraw.Draw(canvas)
    row = height // 16
    draw.rectangle((0, 0, width, row * 2), fill=theme.bar)
    ink = contrast(theme.bar)
    for i in range(3):
        draw.ellipse((6 + i * row, row * 0.3, 6 + i * row + row * 0.5, row * 0.8), fill=vivid(rng))
    draw.rounded_rectangle((row * 4, 2, row * 11, row), 4, fill=theme.page)
    write(draw, (row * 4.3, row * 0.2), phrase(rng, 1, 3), int(row * 0.55), theme.text)
    draw.rounded_rectangle((row * 2, row * 1.15, width - row * 2, row * 1.9), row // 3, outline=ink)
    address = f"https://www.{phrase(rng, 1, 1).lower()}.com/{phrase(rng, 1, 1).lower()}"
    write(draw, (row * 2.5, row * 1.25), address, int(row * 0.5), ink)
    write(draw, (row, row * 2.6), phrase(rng, 1, 2), row, theme.accent, bold=True)
    for i in range(4):
        write(draw, (width * (0.4 + 0.14 * i), row * 2.8), phrase(rng, 1, 1), int(row * 0.6), theme.text)
    top = row * 4
    columns = int(rng.choice([1, 2, 3, 4]))
    if columns == 1:
        split = int(width * rng.uniform(0.5, 0.7))
        paste_photo(canvas, photos[0], (row, top, split, height - row))
        write(draw, (split + row, top), phrase(rng, 1, 2), int(row * 0.9), theme.text, bold=True)
        paragraph(draw, (split + row, top + row * 2, width - row, height - row), int(row * 0.6), theme.text, rng)
        return canvas
    cell = (width - row) // columns
    for i in range(columns * 2):
        x, y = row // 2 + i % columns * cell, top + i // columns * (height - top) // 2
        paste_photo(canvas, photos[i % len(photos)], (x, y, x + cell - row // 2, y + (height - top) // 2 - row * 2))
        text_y = y + (height - top) // 2 - int(row * 1.8)
        write(draw, (x, text_y), phrase(rng, 1, 2), int(row * 0.6), theme.text)
        write(draw, (x, text_y + row * 0.8), f"{rng.uniform(1, 99):.2f}", int(row * 0.6), theme.accent)
    return canvas


def _product_page(photos: Sequence[Pixels], rng: np.random.Generator) -> Image.Image:
    canvas, draw, theme, bar = _phone(rng)
    width, height = canvas.size
    _title_bar(draw, theme, (0, bar, width, bar * 3), rng)
    y = bar * 3 + int(width * rng.uniform(0.7, 1.1))
    paste_photo(canvas, photos[0], (0, bar * 3, width, y), fill=bool(rng.random() < 0.6))
    write(draw, (bar, y + bar * 0.5), phrase(rng, 2, 3), bar, theme.text, bold=True)
    write(draw, (bar, y + bar * 2), f"{rng.uniform(1, 199):.2f} EUR", bar, theme.accent)
    bottom = height - bar * 3
    paragraph(draw, (bar, y + bar * 4, width - bar, bottom), int(bar * 0.65), theme.faint, rng)
    draw.rounded_rectangle((bar, bottom + bar // 2, width - bar, height - bar // 2), bar // 2, fill=theme.accent)
    text = phrase(rng, 1, 2)
    write(draw, (width * 0.35, bottom + bar), text, bar, contrast(theme.accent))
    return canvas
