"""Scenes with known motion and blur, and films of them for the browser's fake camera."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT, FRAMES_PER_SECOND = 480, 360, 15


def draw_scene(seed: int, size: tuple[int, int] = (2 * WIDTH, HEIGHT)) -> Image.Image:
    """Return a shelf of coloured packages with print on them, larger than a frame so that a camera can pan over it."""
    random = np.random.default_rng(seed)
    width, height = size
    unit = height / 36
    scene = Image.new("RGB", size, tuple(random.integers(150, 235, 3)))
    draw = ImageDraw.Draw(scene)
    for _ in range(int(70 * width / height / 2)):
        x, y = random.uniform(0, width), random.uniform(0, height)
        w, h = random.uniform(3, 9, 2) * unit
        colour, ink = (tuple(random.integers(low, low + 110, 3)) for low in (20, 140))
        line = max(1, int(unit / 5))
        draw.rounded_rectangle((x, y, x + w, y + h), radius=unit / 2, fill=colour, outline=ink, width=line)
        draw.text((x + unit / 2, y + unit / 2), f"No {random.integers(1000)}", fill=ink, font_size=1.6 * unit)
    return scene


@functools.cache
def _large_gray(seed: int, blur: float) -> Image.Image:
    return draw_scene(seed, (4 * 240, 4 * 200)).convert("L").filter(ImageFilter.GaussianBlur(4 * blur))


def draw_gray(seed: int, dx: float = 0.0, dy: float = 0.0, blur: float = 0.0) -> NDArray[np.uint8]:
    """Return a grey frame of 160 x 120, moved by quarters of a pixel and blurred with a sigma in pixels.

    The scene is drawn four times as large and reduced afterwards, so that the shift is exact.
    """
    left, top = 160 - round(4 * dx), 160 - round(4 * dy)
    return np.asarray(_large_gray(seed, blur).crop((left, top, left + 640, top + 480)).reduce(4))


def pan(scene: Image.Image, seconds: float, speed: float = 260.0) -> Iterable[Image.Image]:
    """Yield frames of a camera that moves to the left edge of a scene, in pixels a second."""
    count = round(seconds * FRAMES_PER_SECOND)
    for frame in range(count, 0, -1):
        left = frame * speed / FRAMES_PER_SECOND
        yield scene.crop((round(left), 0, round(left) + WIDTH, HEIGHT)).filter(ImageFilter.BoxBlur((5, 0)))


def hold(scene: Image.Image, seconds: float, blur: float = 0.0, seed: int = 0) -> Iterable[Image.Image]:
    """Yield frames of a camera that a hand holds still: it trembles by less than a pixel."""
    frame = scene.crop((0, 0, WIDTH, HEIGHT)).filter(ImageFilter.GaussianBlur(blur))
    random = np.random.default_rng(seed)
    for _ in range(round(seconds * FRAMES_PER_SECOND)):
        dx, dy = random.uniform(-0.2, 0.2, 2)
        yield frame.transform(frame.size, Image.Transform.AFFINE, (1, 0, dx, 0, 1, dy), Image.Resampling.BILINEAR)


def write_film(path: Path, frames: Iterable[Image.Image]) -> Path:
    """Write frames as YUV4MPEG2, which Chromium's fake camera plays in a loop."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FRAMES_PER_SECOND}:1 Ip A1:1 C420jpeg\n".encode())
        for frame in frames:
            luma, blue, red = frame.convert("YCbCr").split()
            file.write(b"FRAME\n" + luma.tobytes() + blue.reduce(2).tobytes() + red.reduce(2).tobytes())
    return path
