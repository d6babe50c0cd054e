"""Boxes as float32 arrays [N,4] of x1, y1, x2, y2 in pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from whatsit_client.types import Box

FloatArray = npt.NDArray[np.float32]


def area(boxes: FloatArray) -> FloatArray:
    """Area in square pixels, f32 [N]; inverted boxes count as empty."""
    sides = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None)
    return np.asarray(sides[:, 0] * sides[:, 1], dtype=np.float32)


def centre(box: Box) -> tuple[float, float]:
    """Middle of one box, x and y in pixels."""
    x1, y1, x2, y2 = box
    return (x1 + x2) / 2, (y1 + y2) / 2


def iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """Intersection over union of every pair.

    Args:
        a: f32 [N,4].
        b: f32 [M,4].

    Returns:
        f32 [N,M], 0..1; 0 where both boxes are empty.
    """
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.clip(bottom_right - top_left, 0, None)
    shared = sides[..., 0] * sides[..., 1]
    union = area(a)[:, None] + area(b)[None, :] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0), dtype=np.float32)


def nms(boxes: FloatArray, scores: FloatArray, iou_threshold: float) -> npt.NDArray[np.int64]:
    """Greedy non-maximum suppression.

    Args:
        boxes: f32 [N,4].
        scores: f32 [N].
        iou_threshold: a box that overlaps a better one by more than this is dropped, 0..1.

    Returns:
        i64 [K], the kept indices, best score first (equal scores keep their order).
    """
    order = np.argsort(-scores, kind="stable")
    apart = iou(boxes, boxes) <= iou_threshold
    free = np.ones(len(order), dtype=np.bool_)
    kept: list[int] = []
    for index in order:
        if free[index]:
            kept.append(int(index))
            free &= apart[:, index]
    return np.asarray(kept, dtype=np.int64)
