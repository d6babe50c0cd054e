"""Track corners from one grey frame to the next.

Pyramidal Lucas-Kanade (Bouguet 2001) on Shi-Tomasi corners (1994). `client/web/scan/optical-flow.js` and
`client/mobile/frame_selector.hpp` compute the same, and share the fixtures of `client/mobile/fixtures`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

WINDOW = 3  # radius: 7 x 7 pixels
STEPS = 4  # Newton steps a level
MIN_EIGENVALUE = 10.0  # mean squared gradient in the weaker direction, grey levels squared
MAX_RESIDUAL = 14.0  # mean grey difference that a tracked window may keep
_CONVERGED = 1e-3  # squared step in pixels


def halve(level: Floats) -> Floats:
    """Return a level of half the size, the mean of 2 x 2 pixels."""
    height, width = level.shape[0] // 2 * 2, level.shape[1] // 2 * 2
    even, odd = level[:height:2], level[1:height:2]
    return np.asarray((even[:, :width:2] + even[:, 1:width:2] + odd[:, :width:2] + odd[:, 1:width:2]) / 4)


def build_pyramid(gray: npt.ArrayLike, levels: int = 3) -> list[Floats]:
    """Return the levels of a frame [H,W], the finest first."""
    pyramid = [np.asarray(gray, dtype=np.float64)]
    while len(pyramid) < levels:
        pyramid.append(halve(pyramid[-1]))
    return pyramid


def find_corners(level: Floats, count: int = 80, margin: float = 0.1) -> Floats:
    """Return the strongest corner of each cell of a grid.

    Args:
        level: grey values [H,W], 0..255.
        count: the most points; the grid has about as many cells.
        margin: part of each side that is left out, 0..0.4: what matters is in the middle.

    Returns:
        f64 [N,2], x and y; cells without a corner give none.
    """
    height, width = level.shape
    rows, columns, cells = _grid(height, width, count, margin)
    if not rows.size or not columns.size:
        return np.zeros((0, 2))
    strength = _corner_strength(level, rows, columns).ravel()
    order = np.argsort(-strength, kind="stable")
    _, first = np.unique(cells[order], return_index=True)
    best = order[first]
    best = best[strength[best] > MIN_EIGENVALUE]
    corners: Floats = np.stack([columns[best % columns.size], rows[best // columns.size]], axis=1).astype(np.float64)
    return corners


@functools.lru_cache(maxsize=8)
def _grid(height: int, width: int, count: int, margin: float) -> tuple[Numbers, Numbers, Numbers]:
    """Return the rows and columns that are looked at, and their cells."""
    left, top = (max(WINDOW + 1, int(side * margin + 0.5)) for side in (width, height))
    wide, tall = width - 2 * left, height - 2 * top
    across = max(1, int((count * wide / max(1, tall)) ** 0.5 + 0.5)) if wide > 0 else 1
    down = max(1, count // across)
    rows, columns = np.arange(top, height - top, 2), np.arange(left, width - left, 2)
    if not rows.size or not columns.size:
        return rows, columns, np.zeros(0, np.int64)
    cells = (rows - top)[:, None] * down // tall * across + (columns - left)[None] * across // wide
    return rows, columns, np.asarray(cells.ravel())


def _corner_strength(level: Floats, rows: Numbers, columns: Numbers) -> Floats:
    """Return the smaller eigenvalue of each pixel's mean gradient matrix (3 x 3)."""
    top, bottom, left, right = rows[0] - 2, rows[-1] + 3, columns[0] - 2, columns[-1] + 3
    part = level[top:bottom, left:right]
    gx = (part[1:-1, 2:] - part[1:-1, :-2]) / 2
    gy = (part[2:, 1:-1] - part[:-2, 1:-1]) / 2
    xx, xy, yy = (_sum_of_nine(product) for product in (gx * gx, gx * gy, gy * gy))
    return np.asarray((xx + yy - np.sqrt((xx - yy) * (xx - yy) + 4 * xy * xy)) / 18)


def _sum_of_nine(values: Floats) -> Floats:
    """Return the sums of 3 x 3 neighbours of every second pixel."""
    lines = values[:-2:2] + values[1:-1:2] + values[2::2]
    return np.asarray(lines[:, :-2:2] + lines[:, 1:-1:2] + lines[:, 2::2])


def track_points(before: Sequence[Floats], after: Sequence[Floats], points: Floats) -> Floats:
    """Track points from one frame into the next.

    Args:
        before: pyramid of the first frame.
        after: pyramid of the second frame, of the same size.
        points: f64 [N,2], x and y on the finest level.

    Returns:
        f64 [N,2], the shift in pixels of the finest level; NaN where a point was lost.
    """
    shift = np.zeros_like(points)
    residual = np.full(len(points), np.nan)
    for level in reversed(range(len(before))):
        residual, shift = _refine(before[level], after[level], points / (1 << level), shift)
        if level:
            shift = shift * 2
    with np.errstate(invalid="ignore"):
        return np.where((residual <= MAX_RESIDUAL)[:, None], shift, np.nan)


def _refine(before: Floats, after: Floats, points: Floats, start: Floats) -> tuple[Floats, Floats]:
    """Refine the shifts on one level; return the grey difference left, and them.

    The difference is NaN where a point is lost. The mean of each window is taken off: a camera that changes its
    exposure does not move.
    """
    block, usable = _sample(before, points, WINDOW + 1)
    gx = (block[:, 1:-1, 2:] - block[:, 1:-1, :-2]) / 2
    gy = (block[:, 2:, 1:-1] - block[:, :-2, 1:-1]) / 2
    patch = block[:, 1:-1, 1:-1]
    patch = patch - patch.mean(axis=(1, 2), keepdims=True)
    xx, xy, yy = (np.einsum("nij,nij->n", a, b) for a, b in ((gx, gx), (gx, gy), (gy, gy)))
    determinant = xx * yy - xy * xy
    usable &= determinant >= 1
    safe = np.where(usable, determinant, 1.0)
    shift, residual = start.copy(), np.full(len(points), np.nan)
    active = usable.copy()
    for step in range(STEPS + 1):
        rows = np.flatnonzero(active)
        if not rows.size:
            break
        other, inside = _sample(after, points[rows] + shift[rows], WINDOW)
        usable[rows[~inside]] = active[rows[~inside]] = False
        rows, other = rows[inside], other[inside]
        difference = patch[rows] - (other - other.mean(axis=(1, 2), keepdims=True))
        residual[rows] = np.abs(difference).mean(axis=(1, 2))
        if step == STEPS:
            break
        bx = np.einsum("nij,nij->n", difference, gx[rows])
        by = np.einsum("nij,nij->n", difference, gy[rows])
        dx = (yy[rows] * bx - xy[rows] * by) / safe[rows]
        dy = (xx[rows] * by - xy[rows] * bx) / safe[rows]
        shift[rows] += np.stack([dx, dy], axis=1)
        active[rows[dx * dx + dy * dy < _CONVERGED]] = False
    # A point too near to the border of this level keeps its shift.
    return np.where(usable, residual, np.nan), np.where(usable[:, None], shift, start)


def _sample(level: Floats, points: Floats, radius: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return bilinear windows around points, and which lie inside the level."""
    height, width = level.shape
    corner = np.floor(points)
    left, top = corner[:, 0].astype(np.int64), corner[:, 1].astype(np.int64)
    inside = (left >= radius) & (top >= radius) & (left + radius + 1 < width) & (top + radius + 1 < height)
    side = 2 * radius + 2
    base = np.where(inside, (top - radius) * width + left - radius, 0)
    offsets = (np.arange(side)[:, None] * width + np.arange(side)[None]).ravel()
    block = level.ravel().take(base[:, None] + offsets[None], mode="clip").reshape(-1, side, side)
    fx, fy = (points - corner).T[:, :, None, None]
    lines = block[:, :, :-1] + fx * (block[:, :, 1:] - block[:, :, :-1])
    return np.asarray(lines[:, :-1] + fy * (lines[:, 1:] - lines[:, :-1])), inside


def median_motion(flow: Floats) -> tuple[float, tuple[float, float], int]:
    """Return the median length, x and y of a flow, and the count of its points."""
    found = flow[~np.isnan(flow[:, 0])]
    if not len(found):
        return 0.0, (0.0, 0.0), 0
    middle = len(found) >> 1
    lengths = np.sort(np.sqrt(found[:, 0] * found[:, 0] + found[:, 1] * found[:, 1]))
    across, down = np.sort(found, axis=0)[middle]
    return float(lengths[middle]), (float(across), float(down)), len(found)
