"""A region of a picture as the square input of a network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from whatsit.vision.resize import channels_first, resize

CROP_SIDE = 224  # of the inputs of classifier and embedder, pixels


def crop_resize(
    pixels: npt.NDArray[np.uint8], box: Sequence[float] | npt.NDArray[np.float32] | None = None, size: int = CROP_SIDE
) -> npt.NDArray[np.uint8]:
    """Cut a box out and resize it to a square; the aspect is not kept.

    Args:
        pixels: uint8 [H,W,3].
        box: x1, y1, x2, y2 in pixels, clipped to the picture; None for the whole picture.
        size: side of the square in pixels.

    Returns:
        uint8 [3,size,size]; at least one pixel of the picture is always taken.
    """
    if box is not None:
        left, top, right, bottom = clipped(box, pixels.shape[1], pixels.shape[0])
        pixels = pixels[top:bottom, left:right]
    return channels_first(resize(pixels, size, size))


def clipped(box: Sequence[float] | npt.NDArray[np.float32], width: int, height: int) -> tuple[int, int, int, int]:
    """Return a box in whole pixels: left, top, right, bottom, at least one pixel."""
    x1, y1, x2, y2 = (float(v) for v in box)
    left, top = min(max(int(x1), 0), width - 1), min(max(int(y1), 0), height - 1)
    return left, top, min(max(round(x2), left + 1), width), min(max(round(y2), top + 1), height)
