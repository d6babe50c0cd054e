"""Regions of a picture: the whole, and the best boxes of detector or caller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whatsit.vision.boxes import FloatArray, area, iou, nms
from whatsit.vision.heaps import contains, find_heaps

WHOLE_IMAGE = "image"
USER_BOX = "caller"

MAX_REGIONS = 8
# 98 % of the products in drawn scenes of shop 1007 get a region then, at 4.5 regions beside the whole picture where 3.6
# things stand, and every main thing of training photos of garments, at 2.0 regions; at 0.5 it is 81 % and 96 %.
MIN_SCORE = 0.25
NAMED = 0.45
"""Least score of a name, as a share of the score that a thing of any kind is there.

Of the regions of 220 grocery train photos 83.6 % then have a plausible name and 5.2 % another, where 84.2 and 6.9 % had
one without this bar; of 30 people in 100 coco128 scenes that were trousers, 5 still are.
"""
_CANDIDATES = 40
_LARGEST = 0.9
"""Share of the picture from which a box is the whole picture."""


@dataclass(frozen=True)
class Regions:
    """Parts of one picture.

    Args:
        boxes: f32 [N,4] pixels of the upright picture; row 0 is the whole picture.
        scores: f32 [N], 0..1.
        labels: N names.
    """

    boxes: FloatArray
    scores: FloatArray
    labels: tuple[str, ...]

    @classmethod
    def whole(cls, width: int, height: int) -> Regions:
        """Return the whole picture alone."""
        box = np.array([[0, 0, width, height]], dtype=np.float32)
        return cls(box, np.ones(1, dtype=np.float32), (WHOLE_IMAGE,))

    def plus(self, boxes: FloatArray, scores: FloatArray, labels: Sequence[str]) -> Regions:
        """Return these regions followed by others."""
        return Regions(
            np.concatenate([self.boxes, boxes.astype(np.float32)]),
            np.concatenate([self.scores, scores.astype(np.float32)]),
            (*self.labels, *labels),
        )

    @property
    def objects(self) -> Regions:
        """Return these regions without the whole picture."""
        return Regions(self.boxes[1:], self.scores[1:], self.labels[1:])

    def __len__(self) -> int:
        return len(self.labels)


def select_regions(
    boxes: FloatArray,
    scores: FloatArray,
    labels: npt.NDArray[np.int32],
    names: Sequence[str],
    width: int,
    height: int,
    *,
    cap: int = MAX_REGIONS,
    min_score: float = MIN_SCORE,
    iou_threshold: float = 0.5,
    min_side: float = 0.03,
) -> Regions:
    """Thin the detector's boxes out to the regions that are worth a search.

    Class-wise and class-free boxes compete in one NMS; a class-free survivor takes the name of the best class-wise
    box that covers the same thing. Boxes that nearly equal the whole picture add nothing to region 0 and go. Of a heap
    (`whatsit.vision.heaps`) there remain the box around it and its best member; their places go to boxes elsewhere.

    Args:
        boxes: f32 [K,4], pixels of the upright picture.
        scores: f32 [K], 0..1.
        labels: i32 [K], index into `names`; 0 is the class-free "object".
        names: the detector's label names.
        width: of the picture, pixels.
        height: of the picture, pixels.
        cap: at most this many regions, the whole picture counted.
        min_score: weaker boxes are dropped.
        iou_threshold: of the NMS.
        min_side: boxes with a side under this share of the picture's longer side are dropped.

    Returns:
        1..cap regions; region 0 is the whole picture.
    """
    whole = Regions.whole(width, height)
    boxes = np.clip(boxes, 0, np.array([width, height, width, height], dtype=np.float32))
    sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf)
    usable = (scores >= min_score) & (sides >= min_side * max(width, height))
    usable &= area(boxes) < _LARGEST * width * height
    boxes, scores, labels = boxes[usable], scores[usable], labels[usable]
    kept = nms(boxes, scores, iou_threshold)[:_CANDIDATES]
    if not len(kept):
        return whole
    found = Regions(boxes[kept], scores[kept], tuple(_names(boxes, scores, labels, kept, names)))
    chosen = _without_heaps(found, cap - 1, _LARGEST * width * height)
    return whole.plus(chosen.boxes, chosen.scores, chosen.labels)


def _without_heaps(found: Regions, room: int, largest: float) -> Regions:
    """Return at most `room` regions, best first.

    Of a heap there are its box and its best member.
    """
    heaps = find_heaps(found.boxes, found.labels)
    usable = np.ones(len(found), dtype=np.bool_)
    first = np.arange(len(found)) < room
    elsewhere = np.ones(len(found), dtype=np.bool_)
    for heap in heaps:
        usable[heap.members[1:]] = False
        elsewhere &= ~contains(heap.box, found.boxes)
    enclosing = np.isin(np.arange(len(found)), [heap.enclosing for heap in heaps if heap.enclosing is not None])
    hulls = [heap for heap in heaps if heap.enclosing is None and area(heap.box[None])[0] < largest][:room]
    rows = np.flatnonzero(usable & (first | elsewhere | enclosing))[: room - len(hulls)]
    source = np.array([*rows, *(heap.members[0] for heap in hulls)], dtype=np.int64)
    boxes = np.concatenate([found.boxes[rows], *(heap.box[None] for heap in hulls)])
    order = np.argsort(-found.scores[source], kind="stable")
    source = source[order]
    return Regions(boxes[order], found.scores[source], tuple(found.labels[k] for k in source))


def _names(
    boxes: FloatArray,
    scores: FloatArray,
    labels: npt.NDArray[np.int32],
    kept: npt.NDArray[np.int64],
    names: Sequence[str],
) -> list[str]:
    """Return the names of the kept boxes.

    A class-free box takes the name of the class-wise box on the same thing. A name that is much less sure than the
    thing is left out.
    """
    classed = labels > 0
    same = iou(boxes[kept], boxes) > 0.6
    result = []
    for row, index in enumerate(kept):
        candidates = np.flatnonzero(same[row] & classed)
        if labels[index] == 0 and len(candidates):
            index = candidates[np.argmax(scores[candidates])]
        thing = scores[same[row] & ~classed].max(initial=0.0)
        result.append(names[labels[index] if scores[index] >= NAMED * thing else 0])
    return result
