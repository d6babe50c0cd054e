"""Drawn backgrounds: wood, cloth, shelves, tiles, gradients and clutter."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from whatsit.rendering.brands import hsv
from whatsit.rendering.canvas import Canvas, Colour, Pixels, light, mix

_BLACK: Colour = (18, 16, 22)
_WHITE: Colour = (252, 250, 244)


def clouds(rng: np.random.Generator, width: int, height: int, cells: int) -> NDArray[np.float32]:
    """Return smooth noise of about `cells` bumps, float32 [height, width] in 0..1."""
    coarse = rng.random((max(2, round(cells * height / width)) + 1, cells + 1)).astype(np.float32)
    return np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1).astype(np.float32)


def _tint(rng: np.random.Generator) -> Colour:
    if rng.random() < 0.45:
        return hsv(rng.uniform(0.04, 0.14), rng.uniform(0.05, 0.45), rng.uniform(0.3, 0.95))
    return hsv(rng.random(), rng.uniform(0.0, 0.6) ** 1.5, rng.uniform(0.15, 0.97))


def _shaded(colour: Colour, field: NDArray[np.float32], depth: float) -> Pixels:
    return light(Canvas(field.shape[1], field.shape[0], colour).pixels, 1 - depth + 2 * depth * field)


def gradient(rng: np.random.Generator, width: int, height: int) -> Pixels:
    """Draw a gradient of two colours."""
    a, b = np.asarray(_tint(rng), np.float32), np.asarray(_tint(rng), np.float32)
    angle = rng.uniform(0, np.pi)
    y, x = np.linspace(-0.5, 0.5, 24)[:, None], np.linspace(-0.5, 0.5, 24)[None]
    share = np.clip(0.5 + x * np.cos(angle) + y * np.sin(angle), 0, 1).astype(np.float32)[..., None]
    return np.asarray(cv2.resize(a + (b - a) * share, (width, height)), np.uint8)


def wood(rng: np.random.Generator, width: int, height: int) -> Pixels:
    """Draw boards with grain."""
    colour = hsv(rng.uniform(0.05, 0.11), rng.uniform(0.2, 0.6), rng.uniform(0.35, 0.85))
    rows = np.linspace(0, rng.uniform(20, 60), height, dtype=np.float32)[:, None]
    bend = clouds(rng, width, height, 5) * rng.uniform(3, 9)
    grain = 0.5 + 0.5 * np.sin(rows + bend)
    fine = cv2.resize(rng.random((height, 8)).astype(np.float32), (width, height))
    out = _shaded(colour, (0.55 * grain + 0.45 * fine).astype(np.float32), 0.16)
    boards = int(rng.integers(2, 6))
    for k in range(1, boards):
        y = int(k * height / boards)
        out[y : y + max(1, height // 200)] = mix(colour, _BLACK, 0.6)
    return out


def cloth(rng: np.random.Generator, width: int, height: int) -> Pixels:
    """Draw woven cloth with soft folds, checked or plain."""
    colour, other = _tint(rng), _tint(rng)
    out = Canvas(width, height, colour)
    if rng.random() < 0.5:
        step = width * rng.uniform(0.06, 0.2)
        for k in range(int(max(width, height) / step) + 1):
            out.rectangle(k * step, 0, k * step + step * 0.4, height, mix(colour, other, 0.5))
        for k in range(int(height / step) + 1):
            out.rectangle(0, k * step, width, k * step + step * 0.4, mix(colour, other, 0.6))
    folds = clouds(rng, width, height, int(rng.integers(3, 8)))
    weave = (rng.random((height, width)) * 0.12).astype(np.float32)
    return light(out.pixels, 0.72 + 0.4 * folds + weave)


def tiles(rng: np.random.Generator, width: int, height: int) -> Pixels:
    """Draw tiles or bricks with joints."""
    colour = _tint(rng)
    out = Canvas(width, height, mix(colour, _BLACK, 0.35))
    step = width * rng.uniform(0.08, 0.3)
    tall = step * rng.uniform(0.4, 1.0)
    for j in range(int(height / tall) + 1):
        for i in range(-1, int(width / step) + 1):
            x = (i + 0.5 * (j % 2)) * step
            out.rectangle(
                x + 1, j * tall + 1, x + step - 2, (j + 1) * tall - 2, mix(colour, _WHITE, rng.uniform(0, 0.2))
            )
    return light(out.pixels, 0.85 + 0.3 * clouds(rng, width, height, 4))


def room(rng: np.random.Generator, width: int, height: int) -> Pixels:
    """Draw a wall and a table top that meet at a horizon."""
    wall, table = gradient(rng, width, height), (wood if rng.random() < 0.6 else cloth)(rng, width, height)
    edge = int(height * rng.uniform(0.35, 0.75))
    wall[edge:] = table[edge:]
    shade = np.linspace(0.6, 1.0, max(1, height // 14), dtype=np.float32)[:, None, None]
    rows = wall[edge : edge + len(shade)]
    rows[:] = (rows * shade[: len(rows)]).astype(np.uint8)
    return wall


def shelf(rng: np.random.Generator, width: int, height: int) -> Pixels:
    """Draw shelf boards with blurred coloured blocks behind."""
    out = Canvas(width, height, mix(_tint(rng), _BLACK, 0.3))
    boards = int(rng.integers(2, 4))
    tall = height / boards
    for j in range(boards):
        x = 0.0
        while x < width:
            wide = width * rng.uniform(0.05, 0.16)
            out.rectangle(x, (j + rng.uniform(0.1, 0.35)) * tall, x + wide * 0.94, (j + 1) * tall, _tint(rng))
            x += wide
        out.rectangle(0, (j + 0.93) * tall, width, (j + 1) * tall, mix(_tint(rng), _WHITE, 0.3))
    return cv2.GaussianBlur(out.pixels, (0, 0), width * 0.008).astype(np.uint8)


def speckle(rng: np.random.Generator, width: int, height: int) -> Pixels:
    """Draw stone, plaster or carpet."""
    field = clouds(rng, width, height, int(rng.integers(3, 12))) * 0.6 + rng.random((height, width), np.float32) * 0.4
    return _shaded(_tint(rng), field.astype(np.float32), float(rng.uniform(0.1, 0.4)))


def clutter(rng: np.random.Generator, pixels: Pixels, count: int) -> None:
    """Paint neutral shapes (blobs, slabs, sticks), in place."""
    canvas = Canvas(1, 1, _BLACK)
    canvas.pixels = pixels
    w, h = canvas.width, canvas.height
    for _ in range(count):
        x, y, r, colour = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.03, 0.16) * w, _tint(rng)
        kind = rng.integers(4)
        if kind == 0:
            canvas.ellipse(x, y, r, r * rng.uniform(0.3, 1), colour, rng.uniform(0, 180))
        elif kind == 1:
            canvas.rounded(x - r, y - r * 0.6, x + r, y + r * 0.6, r * rng.uniform(0, 0.4), colour)
        elif kind == 2:
            a = np.sort(rng.uniform(0, 2 * np.pi, 5))
            canvas.polygon(np.stack([x + r * np.cos(a), y + r * np.sin(a)], 1), colour)
        else:
            turn = rng.uniform(0, 2 * np.pi)
            canvas.stroke([(x, y), (x + 2.5 * r * np.cos(turn), y + 2.5 * r * np.sin(turn))], colour, r * 0.2)


_KINDS = (gradient, wood, cloth, tiles, room, shelf, speckle)


def background(rng: np.random.Generator, width: int, height: int) -> Pixels:
    """Return a random background.

    Args:
        rng: Source of randomness.
        width: Pixels across.
        height: Pixels down.

    Returns:
        RGB uint8 [height, width, 3].
    """
    scale = 2 if max(width, height) > 320 else 1  # backgrounds are soft: large ones are drawn at half size
    small = _KINDS[rng.integers(len(_KINDS))](rng, width // scale, height // scale)
    if rng.random() < 0.4:
        clutter(rng, small, int(rng.integers(1, 6)))
    if rng.random() < 0.6:
        small = cv2.GaussianBlur(small, (0, 0), rng.uniform(0.4, 0.012 * width + 0.4)).astype(np.uint8, copy=False)
    return small if scale == 1 else cv2.resize(small, (width, height)).astype(np.uint8, copy=False)
