"""Text, colours and small shapes of screenshots and advertisements."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]
Pixels = npt.NDArray[np.uint8]

WORDS = (
    "home", "search", "share", "like", "cart", "profile", "message", "today", "photos", "albums", "edit", "save",
    "new", "order", "reply", "settings", "follow", "music", "weather", "inbox", "market", "fresh", "daily",
    "summer", "winter", "style", "family", "kitchen", "garden", "classic", "original", "best", "quality", "offer",
    "delivery", "free", "gift", "club", "member", "week", "store", "online", "from", "only", "price", "more",
    "for", "you", "la", "casa", "nuevo", "oferta", "angebot", "neu", "heute", "jetzt", "frisch", "prix", "offre",
    "promo", "livraison", "gratuit", "saldi", "sconto", "erbjudande", "nyhet", "vecka", "torg",
)  # fmt: skip


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def phrase(rng: np.random.Generator, low: int, high: int) -> str:
    """Between `low` and `high` words, in one of the usual capitalisations."""
    text = " ".join(rng.choice(WORDS) for _ in range(int(rng.integers(low, high + 1))))
    return str(rng.choice([text.capitalize(), text.title(), text.upper(), text]))


def vivid(rng: np.random.Generator) -> Colour:
    """A saturated colour, as signs and buttons have it."""
    channels = [int(rng.integers(170, 256)), int(rng.integers(0, 110)), int(rng.integers(0, 256))]
    rng.shuffle(channels)
    return channels[0], channels[1], channels[2]


def contrast(colour: Colour) -> Colour:
    """Black or white, whichever reads better on `colour`."""
    return (255, 255, 255) if 0.3 * colour[0] + 0.6 * colour[1] + 0.1 * colour[2] < 140 else (15, 15, 15)


def write(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int, colour: Colour, bold: bool = False
) -> int:
    """Write one line with its top left at `at`; returns its width in pixels."""
    font = _font(max(size, 6))
    draw.text(at, text, fill=colour, font=font, stroke_width=max(size // 24, 1) if bold else 0)
    return round(draw.textlength(text, font=font))


def write_fitted(draw: ImageDraw.ImageDraw, box: Box, text: str, colour: Colour, bold: bool = True) -> None:
    """Write one line as large as the box allows, centred in it."""
    left, top, right, bottom = box
    at_100 = max(draw.textlength(text, font=_font(100)), 1.0)
    size = int(min((bottom - top) * 0.8, 100 * (right - left) / at_100 * 0.92))
    if size >= 6:
        width = at_100 * size / 100
        write(draw, ((left + right - width) / 2, (top + bottom - size * 1.15) / 2), text, size, colour, bold)


def paragraph(draw: ImageDraw.ImageDraw, box: Box, size: int, colour: Colour, rng: np.random.Generator) -> None:
    """Fill the box with lines of words, the last one short."""
    left, top, right, bottom = box
    step = int(size * 1.5)
    for y in range(top, bottom - size, max(step, 1)):
        x = float(left)
        stop = right if y + 2 * step < bottom else left + (right - left) * rng.uniform(0.3, 0.9)
        while True:
            word = str(rng.choice(WORDS)) + " "
            width = draw.textlength(word, font=_font(max(size, 6)))
            if x + width > stop:
                break
            x += write(draw, (x, y), word, size, colour)


def paste_photo(canvas: Image.Image, photo: Pixels, box: Box, fill: bool = True) -> None:
    """Put an RGB photo in the box: covering it (cropped), or whole inside it."""
    left, top, right, bottom = box
    width, height = max(right - left, 1), max(bottom - top, 1)
    picture = Image.fromarray(photo)
    scales = (width / picture.width, height / picture.height)
    scale = max(scales) if fill else min(scales)
    size = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
    picture = picture.resize(size, Image.Resampling.BILINEAR)
    x, y = (size[0] - width) // 2, (size[1] - height) // 2
    if fill:
        canvas.paste(picture.crop((x, y, x + width, y + height)), (left, top))
    else:
        canvas.paste(picture, (left - x, top - y))
