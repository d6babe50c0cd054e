"""Detection scores: recall with a budget of boxes, and average precision.

pycocotools' `COCOeval` gives the same matches and recall, but samples precision at 101 recalls instead of integrating
the whole curve, and groups boxes by area instead of by sides: that is why the scores are computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whatsit.vision.boxes import FloatArray, iou, nms
from whatsit.vision.letterbox import DETECTOR_SIDE, letterbox

Pixels = npt.NDArray[np.uint8]
Found = tuple[FloatArray, FloatArray]
"""Boxes float32 [N, 4] and scores float32 [N] of one picture, best first."""

_BIG = 0.1


@dataclass(frozen=True)
class DetectionScores:
    """Class-free scores over a set of pictures, 0..1; NaN without true boxes.

    Args:
        recall: share of the true boxes that one of the best `budget` boxes covers with IoU 0.5.
        recall_big: the same for things whose width and height are both over 10 % of the picture's.
        ap50: average precision at IoU 0.5.
        boxes: number of true boxes.
    """

    recall: float
    recall_big: float
    ap50: float
    boxes: int


def match(found: FloatArray, truth: FloatArray, threshold: float = 0.5) -> npt.NDArray[np.int64]:
    """Give each found box, best first, the free true box it overlaps most.

    Args:
        found: float32 [N, 4], best first.
        truth: float32 [G, 4].
        threshold: least IoU of a match.

    Returns:
        int64 [N]: index of the true box, or -1.
    """
    overlap = iou(found, truth)
    matched = np.full(len(found), -1, dtype=np.int64)
    for row in range(len(found)):
        if overlap.shape[1] and (best := int(overlap[row].argmax())) >= 0 and overlap[row, best] >= threshold:
            matched[row] = best
            overlap[:, best] = -1
    return matched


def average_precision(hits: npt.NDArray[np.bool_], scores: FloatArray, positives: int) -> float:
    """Return the area under the monotone precision-recall curve (Pascal VOC 2010).

    Args:
        hits: bool [N], whether a found box is a match.
        scores: float32 [N].
        positives: number of true boxes.
    """
    if not positives:
        return float("nan")
    ordered = hits[np.argsort(-scores, kind="stable")]
    true = np.cumsum(ordered)
    precision = true / np.arange(1, len(ordered) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[ordered].sum() / positives)


def score_detections(
    found: Sequence[Found], truth: Sequence[FloatArray], sides: Sequence[tuple[int, int]], budget: int = 20
) -> DetectionScores:
    """Score the boxes of several pictures against the truth.

    Args:
        found: of each picture.
        truth: true boxes float32 [G, 4] of each picture.
        sides: width and height of each picture.
        budget: boxes that count for recall.
    """
    hits, scores, covered, big = [], [], [], []
    for (boxes, score), true, (width, height) in zip(found, truth, sides, strict=True):
        hits.append(match(boxes, true) >= 0)
        scores.append(score)
        covered.append(np.isin(np.arange(len(true)), match(boxes[:budget], true)))
        big.append(((true[:, 2:] - true[:, :2]) / np.array([width, height]) > _BIG).all(axis=1))
    all_covered, all_big = np.concatenate(covered), np.concatenate(big)
    return DetectionScores(
        recall=_mean(all_covered),
        recall_big=_mean(all_covered[all_big]),
        ap50=average_precision(np.concatenate(hits), np.concatenate(scores), len(all_covered)),
        boxes=len(all_covered),
    )


def evaluate_detector(
    find: Callable[[Pixels], Found], pictures: Iterable[tuple[Pixels, FloatArray]]
) -> DetectionScores:
    """Run a detector over pictures and score it, class-free.

    Args:
        find: RGB uint8 [H, W, 3] -> boxes in its pixels and scores, best first.
        pictures: RGB uint8 [H, W, 3] and true boxes float32 [G, 4] of each.
    """
    found, truth, sides = [], [], []
    for pixels, boxes in pictures:
        found.append(find(pixels))
        truth.append(boxes)
        sides.append((pixels.shape[1], pixels.shape[0]))
    return score_detections(found, truth, sides)


def class_free(
    run: Callable[[Pixels], tuple[FloatArray, FloatArray, npt.NDArray[np.int32]]],
    size: int = DETECTOR_SIDE,
    iou_threshold: float = 0.5,
) -> Callable[[Pixels], Found]:
    """Return a detector's class-free boxes for `evaluate_detector`.

    Args:
        run: uint8 [1, 3, size, size] -> boxes [1, K, 4], scores [1, K], labels [1, K] (the engine's contract).
        size: side of the canvas.
        iou_threshold: of the NMS.
    """

    def find(pixels: Pixels) -> Found:
        canvas, scale = letterbox(pixels, size)
        boxes, scores, labels = (array[0] for array in run(canvas[None]))
        objects = labels == 0
        boxes, scores = boxes[objects] / np.float32(scale), scores[objects]
        kept = nms(boxes, scores, iou_threshold)
        return boxes[kept], scores[kept]

    return find


def _mean(hits: npt.NDArray[np.bool_]) -> float:
    return float(hits.mean()) if len(hits) else float("nan")
