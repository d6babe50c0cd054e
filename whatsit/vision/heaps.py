"""Heaps: many boxes of loose goods side by side, such as fruit in a crate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whatsit.vision.boxes import FloatArray, area

LOOSE = frozenset({"fruit", "vegetable", "food"})
"""Names of boxes that may form a heap: packages and garments side by side are often different items."""
# Chosen on 220 grocery train photos and 42 collages of them.
LEAST = 4
"""Boxes that make a heap."""
GAP = 0.1
"""Largest gap between neighbours, as a share of the smaller one's side."""
RATIO = 1.6
"""Largest ratio of the neighbours' sides."""
CONTAINED = 0.6
"""Share of the members whose middle an enclosing box holds."""
TIMES = 3.0
"""Least area of an enclosing box, in members."""


@dataclass(frozen=True, eq=False)
class Heap:
    """Boxes of one heap.

    Args:
        members: int64 [M], indices of the boxes, best first.
        box: f32 [4], the enclosing box, else the hull of the members.
        enclosing: index of the box that encloses the members; None where there is none.
    """

    members: npt.NDArray[np.int64]
    box: FloatArray
    enclosing: int | None


def find_heaps(boxes: FloatArray, names: Sequence[str]) -> list[Heap]:
    """Return the heaps among boxes.

    Neighbours have the same name of `LOOSE`, nearly the same size and little between them; a heap is all that are
    connected.

    Args:
        boxes: f32 [N,4], best first.
        names: of the N boxes.
    """
    loose = np.array([name in LOOSE for name in names], dtype=np.bool_)
    if loose.sum() < LEAST:
        return []
    group = _connected(_neighbours(boxes, np.asarray(names)) & (loose | np.eye(len(boxes), dtype=np.bool_)))
    return [
        _heap(boxes, members) for first in np.unique(group) if len(members := np.flatnonzero(group == first)) >= LEAST
    ]


def contains(box: FloatArray, boxes: FloatArray) -> npt.NDArray[np.bool_]:
    """Return whether a box holds the middle of each of N boxes, bool [N]."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.asarray(((middle >= box[:2]) & (middle <= box[2:])).all(axis=1))


def _neighbours(boxes: FloatArray, names: npt.NDArray[np.str_]) -> npt.NDArray[np.bool_]:
    side = np.sqrt(area(boxes))
    small, large = np.minimum(side[:, None], side), np.maximum(side[:, None], side)
    between = np.maximum(boxes[:, None, :2] - boxes[:, 2:], boxes[:, :2] - boxes[:, None, 2:]).max(axis=2)
    return np.asarray((names[:, None] == names) & (large <= RATIO * small) & (between <= GAP * small))


def _connected(linked: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the first index of each row's connected component, int64 [N]."""
    group = np.arange(len(linked))
    while True:
        reached = np.where(linked, group, len(linked)).min(axis=1)
        if np.array_equal(reached, group):
            return group
        group = reached


def _heap(boxes: FloatArray, members: npt.NDArray[np.int64]) -> Heap:
    own = boxes[members]
    large = area(boxes) >= TIMES * np.median(area(own))
    for index in np.flatnonzero(large):
        if index not in members and contains(boxes[index], own).mean() >= CONTAINED:
            return Heap(members, boxes[index], int(index))
    return Heap(members, np.concatenate([own[:, :2].min(axis=0), own[:, 2:].max(axis=0)]), None)
