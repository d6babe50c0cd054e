"""Sharpness and exposure of a grey frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Gray = npt.NDArray[np.uint8]

REACH = 3  # an edge is looked at over 2 * REACH pixels
RISE = 24  # grey levels that make an edge, above the noise of cameras
MIN_EDGES = 0.002  # part of the pixels that must be edges: less is an empty wall
WHITE = 250


@dataclass(frozen=True)
class Light:
    """Sharpness and exposure.

    Args:
        sharpness: reciprocal of the mean width of an edge in pixels: 1 for an edge of one pixel, 0.17 for a ramp, 0 for
            a frame without edges.
        brightness: mean grey value, 0..255.
        clipped: part of the pixels that are white, 0..1.
    """

    sharpness: float
    brightness: float
    clipped: float


def measure_sharpness(gray: Gray, margin: float = 0.1) -> Light:
    """Return how steep the edges of a frame are and how bright it is.

    The sharpness is the mean, over all edges across and down, of the steepest step from pixel to pixel divided by the
    whole rise. It hardly depends on contrast or on how many edges there are, so one threshold serves all scenes.

    Args:
        gray: uint8 [H,W], 160 to 400 pixels wide.
        margin: part of each side that is left out, 0..0.4.
    """
    height, width = gray.shape
    left, top = (max(REACH, int(side * margin + 0.5)) for side in (width, height))
    middle = gray[top : height - top, left : width - left]
    pixels = max(1, (width - 2 * left) * (height - 2 * top)) if width > 2 * left and height > 2 * top else 1
    if not middle.size:
        return Light(0.0, 0.0, 0.0)
    across = gray[top : height - top, left - REACH : width - left + REACH]
    down = gray[top - REACH : height - top + REACH, left : width - left].T
    steepness, edges = (sum(parts) for parts in zip(_steepness(across), _steepness(down), strict=True))
    sharpness = min(1.0, steepness / edges) if edges and edges >= MIN_EDGES * pixels else 0.0
    return Light(sharpness, float(middle.sum()) / pixels, float(np.count_nonzero(middle >= WHITE)) / pixels)


def _steepness(lines: Gray) -> tuple[float, int]:
    """Return the sum of steepest step / rise over the lines' edges, and their count."""
    lines = np.ascontiguousarray(lines)
    low, high = lines[:, : -2 * REACH], lines[:, 2 * REACH :]
    rise = np.maximum(low, high) - np.minimum(low, high)
    step = np.maximum(lines[:, 1:], lines[:, :-1]) - np.minimum(lines[:, 1:], lines[:, :-1])
    two = np.maximum(step[:, :-1], step[:, 1:])
    steepest = np.maximum(np.maximum(two[:, :-4], two[:, 2:-2]), two[:, 4:])
    edge = rise >= RISE
    rises = rise[edge].astype(np.float64)
    return float((np.minimum(steepest[edge], rise[edge]) / rises).sum()), len(rises)
