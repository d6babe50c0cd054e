"""Score thresholds of a network's boxes, measured on labelled pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whatsit.evaluation.datasets.label_file import Box, Picture, corners_of
from whatsit.evaluation.metrics.detection_scores import match

_OPEN = 0.5
"""Precision from which on boxes are reviewed by a person."""


@dataclass(frozen=True)
class Thresholds:
    """Thresholds: from `sure` a box is kept, from `doubtful` reviewed, else dropped.

    Args:
        sure: over 1 where no score gives the precision that was asked for.
        doubtful: at most `sure`.
        recall: share of the known boxes that are found with IoU 0.5 from `sure` on.
        boxes: known boxes of the measurement.
    """

    sure: float
    doubtful: float
    recall: float
    boxes: int


NEVER = 1.01


def measure_thresholds(
    found: Sequence[Sequence[Box]], truth: Sequence[Picture], precision: float, floor: float
) -> Thresholds:
    """Choose thresholds.

    Args:
        found: scored boxes of each picture.
        truth: the same pictures with known boxes; boxes on doubtful places do not count either way.
        precision: share of the kept boxes, 0..1, that must be right (IoU 0.5 with a known box).
        floor: least threshold.
    """
    scores, hits, known = [], [], 0
    for boxes, picture in zip(found, truth, strict=True):
        ordered = sorted(boxes, key=lambda box: -(box.score or 0))
        true, ignored = picture.corners(), picture.corners(doubtful=True)
        corners = corners_of(ordered)
        pairs = match(corners, true)
        places = match(corners, ignored, 0.3)
        for row, box in enumerate(ordered):
            if pairs[row] >= 0 or places[row] < 0:
                scores.append(box.score or 0.0)
                hits.append(bool(pairs[row] >= 0))
        known += len(true)
    sure = _least_score(scores, hits, precision, floor)
    doubtful = min(sure, _least_score(scores, hits, min(_OPEN, precision), floor))
    kept = sum(hit for score, hit in zip(scores, hits, strict=True) if score >= sure)
    return Thresholds(sure, doubtful, kept / known if known else float("nan"), known)


def _least_score(scores: Sequence[float], hits: Sequence[bool], precision: float, floor: float) -> float:
    """Return the least score from which on all boxes have the precision."""
    order = np.argsort(-np.asarray(scores), kind="stable")
    right = np.cumsum(np.asarray(hits, dtype=float)[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(right >= precision)
    return max(floor, float(np.asarray(scores)[order][enough[-1]])) if len(enough) else NEVER
