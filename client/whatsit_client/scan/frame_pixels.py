"""Frames as arrays: grey and small to look at, cropped and encoded to send."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from whatsit_client.errors import InvalidInput
from whatsit_client.types import Box

Pixels = npt.NDArray[np.uint8]


def check_frame(pixels: Pixels) -> None:
    """Check that a frame is RGB uint8 [H,W,3].

    Raises:
        InvalidInput: it is not.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or min(pixels.shape[:2]) < 32:
        shape = "x".join(map(str, pixels.shape))
        raise InvalidInput(f"The frame is {pixels.dtype} {shape}: pass RGB pixels uint8 [H,W,3], 32 or more each way.")


def reduce_gray(pixels: Pixels, longest: int = 320) -> Pixels:
    """Return an RGB frame in grey, reduced by a whole factor.

    Its longer side is at most `longest` pixels.
    """
    factor = -(-max(pixels.shape[:2]) // longest)
    gray = Image.fromarray(pixels).convert("L")
    return np.asarray(gray.reduce(factor) if factor > 1 else gray)


def canvas_of(pixels: Pixels, side: int, multiple: int, padding: int) -> tuple[Pixels, float]:
    """Letterbox a frame at the top left of a canvas.

    Args:
        pixels: RGB uint8 [H,W,3].
        side: the longer side of the frame on the canvas, pixels.
        multiple: both sides of the canvas are multiples of it.
        padding: grey value around the frame.

    Returns:
        uint8 [h,w,3] and the scale: a box on the canvas divided by it is a box in the frame.
    """
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    across, down = (-(-length // multiple) * multiple for length in inner)
    canvas = np.full((down, across, 3), padding, np.uint8)
    same = inner == (width, height)
    canvas[: inner[1], : inner[0]] = (
        pixels if same else np.asarray(Image.fromarray(pixels).resize(inner, Image.Resampling.BILINEAR))
    )
    return canvas, scale


def widened(box: Box, margin: float, width: int, height: int) -> tuple[int, int, int, int]:
    """Return a box widened by a part of its sides, in whole pixels of the frame."""
    x1, y1, x2, y2 = box
    across, down = margin * (x2 - x1), margin * (y2 - y1)
    left, top = max(0, int(x1 - across)), max(0, int(y1 - down))
    right, bottom = min(width, int(-(-(x2 + across) // 1))), min(height, int(-(-(y2 + down) // 1)))
    return left, top, max(left + 1, right), max(top + 1, bottom)


def encode_jpeg(pixels: Pixels, longest: int, quality: int) -> tuple[bytes, float]:
    """Encode pixels whose longer side is at most `longest`.

    Larger ones are reduced; returns the file and the scale.
    """
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    scale = min(1.0, longest / max(picture.size))
    if scale < 1:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue(), scale


def as_box(sides: Sequence[float]) -> Box:
    """Return four sides as a box of plain numbers."""
    x1, y1, x2, y2 = (float(side) for side in sides)
    return x1, y1, x2, y2
