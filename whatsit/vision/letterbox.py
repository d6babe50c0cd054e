"""Letterboxing: a picture on a square canvas, its aspect kept."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from whatsit.vision.resize import channels_first, resize

DETECTOR_SIDE = 416  # of the detector's input, pixels
PADDING_GREY = 114


def letterbox(pixels: npt.NDArray[np.uint8], size: int = DETECTOR_SIDE) -> tuple[npt.NDArray[np.uint8], float]:
    """Scale to fit a square and put it at the top left of a grey canvas.

    Args:
        pixels: uint8 [H,W,3].
        size: side of the canvas in pixels.

    Returns:
        uint8 [3,size,size] and the scale: a box on the canvas divided by it is a box in `pixels`.
    """
    height, width = pixels.shape[:2]
    scale = size / max(height, width)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = np.full((size, size, 3), PADDING_GREY, dtype=np.uint8)
    canvas[: inner[1], : inner[0]] = resize(pixels, *inner)
    return channels_first(canvas), scale
