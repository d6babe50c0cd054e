"""Scores of the scan network on held-out pictures, beside the served detector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whatsit.evaluation.metrics.detection_scores import Found
from whatsit.models.center_boxes import center_boxes
from whatsit.vision.boxes import FloatArray, area, iou, nms
from whatsit.vision.letterbox import letterbox

Pixels = npt.NDArray[np.uint8]
Arrays = dict[str, npt.NDArray[np.generic]]
Run = Callable[[Arrays], Arrays]
_LOWEST_SCORE = 0.02
_CELLS = 400  # at stride 8
_MATCH = 0.5


def center_finder(run: Run, size: int, stride: int = 8, iou_threshold: float = 0.5) -> Callable[[Pixels], Found]:
    """Return the scan network's class-free boxes.

    Args:
        run: an ONNX runner's, or a function alike: `images` uint8 [1,3,S,S] to heat, size and offset.
        size: longer side of the letterboxed picture.
        stride: of the maps.
        iou_threshold: of the NMS.
    """

    top = _CELLS * (8 // stride) ** 2

    def find(pixels: Pixels) -> Found:
        canvas, scale = letterbox(pixels, size)
        out = run({"images": canvas[None]})
        heat, sides, offset = (out[name][0].astype(np.float32) for name in ("heat", "size", "offset"))
        boxes, scores, _ = center_boxes(heat, sides, offset, stride, min_score=_LOWEST_SCORE, top=top)
        limit = np.array([pixels.shape[1], pixels.shape[0]] * 2, dtype=np.float32)
        boxes = np.clip(boxes / np.float32(scale), 0, limit).astype(np.float32)
        kept = nms(boxes, scores, iou_threshold)
        return boxes[kept], scores[kept]

    return find


def main_box(boxes: FloatArray, scores: FloatArray) -> int | None:
    """Return the index of the main thing: largest score times root of area.

    Args:
        boxes: float32 [N, 4].
        scores: float32 [N].
    """
    return int((scores * np.sqrt(area(boxes))).argmax()) if len(boxes) else None


@dataclass
class MainThing:
    """Share of photos whose main thing a detector finds, with IoU 0.5.

    Args:
        photos: how many were added.
        among: of them, those where one of the best 20 boxes is the thing.
        chosen: of them, those where the detector's own main box is.
    """

    photos: int = 0
    among: int = 0
    chosen: int = 0

    def add(self, box: FloatArray, found: Found, budget: int = 20) -> None:
        """Add a photo: the thing's box float32 [4] and what a detector found."""
        boxes, scores = found[0][:budget], found[1][:budget]
        overlap = iou(box[None], boxes)[0]
        best = main_box(boxes, scores)
        self.photos += 1
        self.among += bool((overlap >= _MATCH).any())
        self.chosen += best is not None and bool(overlap[best] >= _MATCH)

    @property
    def found(self) -> float:
        """Share of photos with the thing among the best 20 boxes."""
        return self.among / max(self.photos, 1)

    @property
    def first(self) -> float:
        """Share of photos with the thing as the detector's own main box."""
        return self.chosen / max(self.photos, 1)
