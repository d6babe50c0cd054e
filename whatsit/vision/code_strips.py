"""Areas of parallel stripes in a picture, turned upright and enlarged.

Barcodes that are small or at a slant are such areas.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]

# The picture is halved; gradients are summed in cells of so many pixels of it, and over squares of so many cells.
_STEP, _WINDOW = 4, 5
_COHERENT = 0.75  # of the structure tensor: 1 where all gradients are parallel
_STRONG = 300.0  # mean squared gradient
_UNIT = 1 / 16  # the gradient's kernel sums to four times the difference of two pixels
_SMALLEST = 16  # cells
_QUIET = 0.25  # of the area's length on both sides: a barcode's quiet zones
_BAND = 0.2  # height by length that is read at most
_LENGTH, _ENLARGED = 640.0, 4.0  # of the strip in pixels, and at most so many times the original


@dataclass(frozen=True, eq=False)
class Strip:
    """An area of stripes.

    Args:
        pixels: uint8 [h,w], stripes upright.
        back: f64 [2,3], from its pixels to those of the picture.
    """

    pixels: Grey
    back: npt.NDArray[np.float64]


def find_strips(grey: Grey, most: int) -> Iterator[Strip]:
    """Yield the areas of a picture that may be barcodes, strongest first.

    Source: Gallo and Manduchi 2011 (gradients of one direction), with the structure tensor in place of |gx| - |gy|, so
    that a barcode may lie at any angle.

    Args:
        grey: uint8 [H,W].
        most: areas at most.
    """
    if min(grey.shape) < 2 * _STEP * _WINDOW:
        return
    half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    gx, gy = (gradient.astype(np.float32) for gradient in cv2.spatialGradient(half))
    # The sums are needed at every cell alone.
    products = (cv2.multiply(*pair, scale=_UNIT) for pair in ((gx, gx), (gy, gy), (gx, gy)))
    size = (half.shape[1] // _STEP, half.shape[0] // _STEP)
    cells = [cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in products]
    xx, yy, xy = (cv2.boxFilter(one, -1, (_WINDOW, _WINDOW)) for one in cells)
    total = xx + yy
    mask = ((np.hypot(xx - yy, 2.0 * xy) > _COHERENT * total) & (total > _STRONG)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    strengths = np.bincount(labels.ravel(), weights=total.ravel(), minlength=count)
    large = [area for area in range(1, count) if stats[area, cv2.CC_STAT_AREA] >= _SMALLEST]
    for area in sorted(large, key=lambda area: -strengths[area])[:most]:
        inside = labels == area
        angle = 0.5 * np.arctan2(2.0 * float(xy[inside].sum()), float((xx - yy)[inside].sum()))
        yield _cut(grey, (np.argwhere(inside)[:, ::-1] + 0.5) * 2.0 * _STEP, angle)


def _cut(grey: Grey, points: npt.NDArray[np.float64], angle: float) -> Strip:
    """Return the strip around points [n,2] whose gradients have an angle in radians."""
    across = np.array([np.cos(angle), np.sin(angle)])
    along = np.array([-across[1], across[0]])
    axes = np.stack([across, along])
    low, high = (points @ axes.T).min(axis=0), (points @ axes.T).max(axis=0)
    quiet = _QUIET * (high[0] - low[0])
    low[0], high[0] = low[0] - quiet, high[0] + quiet
    length, height = np.maximum(high - low, 1.0)
    if height > _BAND * length:  # a band of it shows all bars
        low[1], height = low[1] + (height - _BAND * length) / 2, _BAND * length
    zoom = float(np.clip(_LENGTH / length, 1.0, _ENLARGED))
    # A point p of the strip is (low + p / zoom) in the turned axes.
    back = np.concatenate([axes.T / zoom, (axes.T @ low)[:, None]], axis=1)
    size = (int(length * zoom) + 1, int(height * zoom) + 1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    pixels = cv2.warpAffine(grey, back, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return Strip(np.asarray(pixels, dtype=np.uint8), back)
