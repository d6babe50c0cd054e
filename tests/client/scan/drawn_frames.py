"""Grey frames and maps from whole numbers alone, so that Python, JavaScript and C++ draw the same ones."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

Gray = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

WIDTH, HEIGHT = 320, 240  # of a grey frame
SCENE = (800, 300)
FRAME = (640, 480)  # of the whole frame, in whose pixels boxes are
CHANNELS, MAP_WIDTH, MAP_HEIGHT = 24, 40, 32


class Numbers:
    """A linear congruential generator of 32 bits (Numerical Recipes); each draw gives its upper 16 bits."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def __call__(self) -> int:
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return self.state >> 16


@functools.lru_cache(maxsize=16)
def draw_scene(seed: int) -> Gray:
    """Return a scene of grey rectangles; seed 0 is an empty wall."""
    draw = Numbers(seed)
    scene = np.full(SCENE[::-1], 150, np.uint8)
    for _ in range(260 if seed else 0):
        x, y, wide, tall, value = (
            draw() % SCENE[0],
            draw() % SCENE[1],
            6 + draw() % 60,
            6 + draw() % 50,
            20 + draw() % 210,
        )
        scene[y : y + tall, x : x + wide] = value
    return scene


def draw_frame(seed: int, x: int, y: int, blur: int, gain: int, offset: int) -> Gray:
    """Return the part of a scene at x, y, blurred by a box of 2 * blur + 1 pixels, times gain / 64, plus an offset."""
    part = draw_scene(seed)[y : y + HEIGHT, x : x + WIDTH].astype(np.int64)
    for axis in (1, 0) if blur else ():
        padded = np.pad(part, [(blur + 1, blur) if one == axis else (0, 0) for one in (0, 1)], mode="edge")
        sums = padded.cumsum(axis=axis)
        high, low = np.split(sums, [2 * blur + 1], axis=axis)[1], np.split(sums, [-2 * blur - 1], axis=axis)[0]
        part = (high - low) // (2 * blur + 1)
    return np.clip((part * gain >> 6) + offset, 0, 255).astype(np.uint8)


def draw_maps(seed: int, peaks: list[list[float]]) -> tuple[Floats, Floats, Floats]:
    """Return heat, size and offset; `peaks` are [channel, y, x, value]."""
    draw = Numbers(seed)
    cells = MAP_WIDTH * MAP_HEIGHT

    def plane(count: int, scale: float, least: float) -> Any:
        values = np.array([draw() for _ in range(count * cells)], np.float64)
        return (values / 65536 * scale + least).astype(np.float32).reshape(count, MAP_HEIGHT, MAP_WIDTH)

    heat, size, offset = plane(CHANNELS, 0.4, 0.0), plane(2, 120, 8), plane(2, 1.5, -0.25)
    for channel, y, x, value in peaks:
        heat[int(channel), int(y), int(x)] = value
    return heat, size, offset
