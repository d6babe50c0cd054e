"""Agreement of two label files: precision and recall of weak labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatsit.evaluation.datasets.label_file import Box, LabelFile, Picture, corners_of
from whatsit.evaluation.metrics.detection_scores import match
from whatsit.labelling.single_object import centred
from whatsit.vision.boxes import iou


@dataclass(frozen=True)
class Agreement:
    """Agreement of labels with a truth; shares 0..1, NaN without boxes.

    Args:
        pictures: that both files hold and that count.
        truth: boxes of the truth on them.
        boxes: boxes of the labels on them.
        found: share of the truth that a box covers with IoU 0.5.
        right: share of the boxes that cover a true one with IoU 0.5.
        named: share of those pairs that carry the same name.
        mean_iou: over the truth, of the best box.
        centred: share of the truth that the centred box of 80 % of each side covers with IoU 0.5: what a label file
            must beat on photos of one product.
    """

    pictures: int
    truth: int
    boxes: int
    found: float
    right: float
    named: float
    mean_iou: float
    centred: float


def agreement(labels: LabelFile, truth: LabelFile, single: bool = False, every: int = 1, offset: int = 0) -> Agreement:
    """Compare sure boxes.

    Args:
        labels: to measure.
        truth: to measure by.
        single: count only pictures on which the truth has one sure box, of score 0.5 or more (or none given) and a
            twentieth of the picture or more, and no doubtful one.
        every: count only every so many pictures of those, by name; with `offset`, settings can be chosen on one part
            and measured on another.
        offset: first of them.
    """
    ours = labels.by_file()
    both = sorted((p for p in truth.pictures if p.file in ours), key=lambda p: p.file)
    counted = [p for p in both if not single or _is_single(p)][offset::every]
    hits, named, best, middle, boxes = 0, 0, [], [], 0
    for true in counted:
        picture = ours[true.file]
        mine, theirs = _sure(picture), _sure(true)
        boxes += len(mine)
        if not theirs:
            continue
        ordered = sorted(mine, key=lambda box: -(box.score or 0))
        best += iou(corners_of(theirs), corners_of(ordered)).max(axis=1, initial=0).tolist()
        pairs = match(corners_of(ordered), corners_of(theirs))
        hits += int((pairs >= 0).sum())
        named += sum(ordered[row].name == theirs[index].name for row, index in enumerate(pairs) if index >= 0)
        box = np.array([centred(picture.width, picture.height)], dtype=np.float32)
        middle += (iou(corners_of(theirs), box)[:, 0] >= 0.5).tolist()
    return Agreement(
        pictures=len(counted),
        truth=len(best),
        boxes=boxes,
        found=_share(hits, len(best)),
        right=_share(hits, boxes),
        named=_share(named, hits),
        mean_iou=_share(sum(best), len(best)),
        centred=_share(sum(middle), len(best)),
    )


def _is_single(picture: Picture) -> bool:
    if len(picture.boxes) != 1 or picture.boxes[0].doubtful:
        return False
    (box,) = picture.boxes
    return (box.score is None or box.score >= 0.5) and box.width * box.height >= 0.05 * picture.width * picture.height


def _sure(picture: Picture) -> list[Box]:
    return [box for box in picture.boxes if not box.doubtful]


def _share(part: float, whole: int) -> float:
    return part / whole if whole else float("nan")
