"""Labels that differ in print only, for tests of `geometry`."""

from __future__ import annotations

import numpy as np

from whatsit.rendering.canvas import Canvas, Colour, Pixels

# As a wine or spice shelf has them: every label of a line looks the same from a step away.
LINES = 10
_CONSONANTS, _VOWELS = "bcdfglmnprstvz", "aeiou"


def _word(rng: np.random.Generator, syllables: int) -> str:
    pairs = (rng.choice(list(_CONSONANTS)) + rng.choice(list(_VOWELS)) for _ in range(syllables))
    return "".join(pairs).capitalize()


def _colour(rng: np.random.Generator, low: int, high: int) -> Colour:
    red, green, blue = rng.integers(low, high, 3).tolist()
    return red, green, blue


def label_lines(number: int, seed: int) -> list[str]:
    """Return what is printed on a label: two names, four lines of small print, a year.

    Args:
        number: which label.
        seed: which shop.
    """
    own = np.random.default_rng([seed, 6, number])
    names = [_word(own, 3), _word(own, 2)]
    rows = [" ".join(_word(own, int(own.integers(1, 4))).lower() for _ in range(3)) for _ in range(4)]
    return [*names, *rows, str(own.integers(1950, 2026))]


def draw_label(number: int, seed: int, size: int = 320) -> Pixels:
    """Draw a paper label, RGB uint8 [size, 3/4 size, 3].

    Labels number, number + `LINES`, number + 2 `LINES` ... of a seed are of one line: same colours, same frame.

    Args:
        number: which label.
        seed: which shop.
        size: height in pixels.
    """
    line = np.random.default_rng([seed, 5, number % LINES])
    first, second, *rows, year = label_lines(number, seed)
    width, height = round(size * 0.75), size
    paper, ink = _colour(line, 225, 256), _colour(line, 0, 110)
    label = Canvas(width, height, ink)
    edge = size * 0.03
    label.rectangle(edge, edge, width - edge, height - edge, paper)
    middle, room = width / 2, width * 0.8
    label.text(first, middle, height * 0.2, height * 0.1, ink, max_width=room)
    label.text(second, middle, height * 0.34, height * 0.07, ink, max_width=room)
    for row, text in enumerate(rows):
        label.text(text, middle, height * (0.5 + 0.08 * row), height * 0.035, ink, max_width=room)
    label.text(year, middle, height * 0.88, height * 0.08, ink, max_width=room)
    return label.pixels
