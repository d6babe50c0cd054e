"""Clusters of boxes that several people drew around the same things."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whatsit.vision.boxes import FloatArray, iou

JOIN = 0.45
"""Mean IoU of two clusters from which they are one."""
BELONG = 0.4
"""IoU with the box of a cluster from which a box belongs to it."""
SAME = 0.65
"""IoU of the boxes of two clusters from which they are one."""
WEIGHTS = (2.62, 2.42, -1.18, 3.09)
"""Logistic regression on simulated people (`perf/loop/crops/fit_weight`): a constant and `weight_features`."""
_ROUNDS = 3
_MOST = 2000

Members = npt.NDArray[np.int64]


@dataclass(frozen=True)
class BoxCluster:
    """Boxes of one thing.

    Args:
        box: float32 [4], the weighted median of each side.
        members: int64 [M], indices of the boxes.
        agreement: mean IoU of the members with the box, 0..1.
    """

    box: FloatArray
    members: Members
    agreement: float


def weight_features(cluster: BoxCluster, crops: int) -> tuple[float, float, float]:
    """Return what the weight of a cluster rests on.

    Args:
        cluster: of crops.
        crops: in the whole picture.

    Returns:
        The logarithm of its size, that of the picture's crops, and how far the agreement of two or more exceeds 0.5.
    """
    size = len(cluster.members)
    return math.log(size), math.log(crops), cluster.agreement - 0.5 if size > 1 else 0.0


def cluster_weight(cluster: BoxCluster, crops: int) -> float:
    """Return how likely the box of a cluster is right (IoU 0.5), 0..1.

    Args:
        cluster: of crops.
        crops: in the whole picture: among many, two that agree may do so by chance.
    """
    constant, *factors = WEIGHTS
    total = constant + sum(f * x for f, x in zip(factors, weight_features(cluster, crops), strict=True))
    return 1.0 / (1.0 + math.exp(-total))


def seen_share(sizes: Sequence[int]) -> float:
    """Return how likely the next crop is of a thing that was cropped before.

    Estimated as by Good and Turing (1953), from the things that were cropped once.

    Args:
        sizes: of the clusters of a picture.
    """
    return 1.0 - sum(size == 1 for size in sizes) / sum(sizes) if sizes else 0.0


def cluster_boxes(boxes: FloatArray, weights: FloatArray | None = None) -> list[BoxCluster]:
    """Group boxes by overlap, the heaviest cluster first.

    Average linkage on 1 - IoU, then as in k-medians: each box goes to the cluster whose median it overlaps most, and
    clusters whose medians nearly coincide are joined. A median of the sides does not follow single boxes astray.

    Args:
        boxes: float32 [N, 4] of one picture; of more than 2,000 the last count.
        weights: float32 [N], what each counts; None for 1 each.
    """
    first = max(0, len(boxes) - _MOST)
    kept = boxes[first:]
    weight = np.ones(len(kept), dtype=np.float32) if weights is None else weights[first:]
    if not len(kept):
        return []
    labels = np.zeros(1, dtype=np.int64)
    if len(kept) > 1:
        from scipy.cluster.hierarchy import fcluster, linkage
        from scipy.spatial.distance import squareform

        distance = np.clip(1 - iou(kept, kept), 0, 1).astype(np.float64)
        np.fill_diagonal(distance, 0)
        labels = fcluster(linkage(squareform(distance, checks=False), "average"), 1 - JOIN, "distance")
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    for _ in range(_ROUNDS):
        groups = _joined(_assigned(groups, kept, weight), kept, weight)
    found = []
    for group in groups:
        box = _median(kept[group], weight[group])
        found.append(BoxCluster(box, group + first, float(iou(kept[group], box[None]).mean())))
    heavy = {id(one): float(weight[one.members - first].sum()) for one in found}
    return sorted(found, key=lambda one: (-heavy[id(one)], int(one.members[0])))


def _assigned(groups: Sequence[Members], boxes: FloatArray, weights: FloatArray) -> list[Members]:
    """Give each box to the cluster that it overlaps most, or leave it in its own."""
    medians = np.stack([_median(boxes[group], weights[group]) for group in groups])
    own = np.zeros(len(boxes), dtype=np.int64)
    for number, group in enumerate(groups):
        own[group] = number
    overlap = iou(boxes, medians)
    overlap[np.arange(len(boxes)), own] += 1e-6
    best = overlap.argmax(axis=1)
    label = np.where(overlap.max(axis=1) >= BELONG, best, own)
    return [members for number in range(len(groups)) if len(members := np.flatnonzero(label == number))]


def _joined(groups: Sequence[Members], boxes: FloatArray, weights: FloatArray) -> list[Members]:
    """Join lighter clusters to heavier ones with nearly the same box."""
    ordered = sorted(groups, key=lambda group: -float(weights[group].sum()))
    medians = [_median(boxes[group], weights[group]) for group in ordered]
    kept: list[Members] = []
    heads: list[FloatArray] = []
    for group, median in zip(ordered, medians, strict=True):
        overlap = iou(median[None], np.stack(heads))[0] if heads else np.zeros(1, dtype=np.float32)
        if heads and overlap.max() >= SAME:
            kept[int(overlap.argmax())] = np.concatenate([kept[int(overlap.argmax())], group])
        else:
            kept.append(group)
            heads.append(median)
    return [np.sort(group) for group in kept]


def _median(boxes: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weighted median of each side, float32 [4]."""
    order = np.argsort(boxes, axis=0, kind="stable")
    values = np.take_along_axis(boxes, order, axis=0)
    share = np.cumsum(weights[order], axis=0) / weights.sum()
    low = (share < 0.5 - 1e-6).sum(axis=0)
    high = np.minimum((share < 0.5 + 1e-6).sum(axis=0), len(boxes) - 1)
    columns = np.arange(4)
    return np.asarray((values[low, columns] + values[high, columns]) / 2, dtype=np.float32)
