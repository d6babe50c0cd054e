"""Covers of films: a photograph with printed words, to measure `geometry`."""

from __future__ import annotations

import cv2
import numpy as np

from whatsit.rendering.canvas import Canvas, Colour, Pixels, readable_on

# A studio's covers share their frame, colours and place of the title.
STUDIOS = 12
# Every tenth cover is another edition of the one before: the same photograph under other words.
EDITION_EVERY = 10
_SYLLABLES = ("ba", "den", "ko", "lar", "mi", "nor", "pel", "ra", "sto", "ti", "ven", "wil", "zu", "cha", "fro", "gri")
_SMALL = ("a film by", "with", "the collection", "special edition", "based on the novel by", "music by")


def photograph_of(number: int) -> int:
    """Return the number of a cover's photograph: an edition has the one before."""
    return number - 1 if number % EDITION_EVERY == EDITION_EVERY - 1 else number


def draw_cover(photograph: Pixels, number: int, seed: int, size: int = 480) -> Pixels:
    """Draw a cover, RGB uint8 [size, 0.7 size, 3].

    Args:
        photograph: RGB uint8 [H, W, 3], that of `photograph_of(number)`.
        number: which cover.
        seed: which shop.
        size: height in pixels.
    """
    studio = np.random.default_rng([seed, 7, number % STUDIOS])
    own = np.random.default_rng([seed, 8, number])
    width, height = round(size * 0.7), size
    ground = _colour(studio, 0, 255)
    ink = readable_on(ground, _colour(studio, 0, 255))
    cover = Canvas(width, height, ground)
    top, deep = float(studio.uniform(0.0, 0.22)), float(studio.uniform(0.6, 0.78))
    inset = int(studio.integers(0, 2) * size * 0.04)
    _paste(cover, photograph, (inset, round(top * height), width - inset, round((top + deep) * height)))
    title = " ".join(_word(own) for _ in range(int(own.integers(1, 4))))
    below = top < 0.1
    line = (top + deep) * height + size * 0.06 if below else top * height * 0.55
    cover.text(title, width / 2, line, size * 0.07, ink, max_width=width * 0.9)
    if own.random() < 0.6:  # a second title lies on the photograph
        cover.text(_word(own), width / 2, height * 0.42, size * 0.08, (250, 250, 245), max_width=width * 0.7)
    for row in range(2):
        words = f"{_SMALL[int(own.integers(len(_SMALL)))]} {_word(own)} {_word(own)}"
        cover.text(words, width / 2, height * (0.93 + 0.035 * row), size * 0.026, ink, max_width=width * 0.9)
    cover.text(studio.choice(["DVD", "BLU-RAY", "VIDEO"]), width * 0.12, height * 0.03, size * 0.03, ink)
    return cover.pixels


def _paste(cover: Canvas, photograph: Pixels, box: tuple[int, int, int, int]) -> None:
    """Fill a box with the middle of a photograph."""
    x1, y1, x2, y2 = box
    height, width = photograph.shape[:2]
    scale = max((x2 - x1) / width, (y2 - y1) / height)
    size = (max(x2 - x1, round(width * scale)), max(y2 - y1, round(height * scale)))
    large = cv2.resize(photograph, size, interpolation=cv2.INTER_CUBIC)
    left, upper = (size[0] - (x2 - x1)) // 2, (size[1] - (y2 - y1)) // 2
    cover.pixels[y1:y2, x1:x2] = large[upper : upper + y2 - y1, left : left + x2 - x1]


def _word(rng: np.random.Generator) -> str:
    return "".join(rng.choice(_SYLLABLES) for _ in range(int(rng.integers(2, 4)))).capitalize()


def _colour(rng: np.random.Generator, low: int, high: int) -> Colour:
    red, green, blue = rng.integers(low, high, 3).tolist()
    return red, green, blue
