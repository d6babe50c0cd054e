"""Decoding of YOLOX outputs (Ge et al., 2021): teacher and baseline."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from whatsit.vision.boxes import FloatArray, nms
from whatsit.vision.letterbox import letterbox

_STRIDES = (8, 16, 32)
COCO_NAMES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip


class Detections(NamedTuple):
    """Boxes f32 [N, 4] in pixels, scores f32 [N], labels int64 [N]; best first."""

    boxes: FloatArray
    scores: FloatArray
    labels: npt.NDArray[np.int64]


def decode_yolox(raw: FloatArray, size: int) -> tuple[FloatArray, FloatArray]:
    """Turn raw outputs into boxes and class scores.

    Args:
        raw: float32 [cells, 5 + classes]: centre and log size in strides, objectness and class scores (0..1).
        size: side of the square input, pixels.

    Returns:
        boxes float32 [cells, 4] in input pixels and scores float32 [cells, classes] = objectness * class.
    """
    origins, strides = [], []
    for stride in _STRIDES:
        side = size // stride
        y, x = np.mgrid[:side, :side]
        origins.append(np.stack([x, y], axis=-1).reshape(-1, 2))
        strides.append(np.full((side * side, 1), stride))
    stride_of = np.concatenate(strides).astype(np.float32)
    centre = (raw[:, :2] + np.concatenate(origins).astype(np.float32)) * stride_of
    half = np.exp(raw[:, 2:4]) * stride_of / 2
    return np.concatenate([centre - half, centre + half], axis=1), raw[:, 4:5] * raw[:, 5:]


class Yolox:
    """A YOLOX network as a class-free detector that also names its boxes.

    Args:
        run: maps float32 [1, 3, size, size] (BGR, 0-255) to the raw output float32 [1, cells, 85].
        size: side of the input.
    """

    def __init__(self, run: Callable[[FloatArray], FloatArray], size: int = 416) -> None:
        self._run = run
        self._size = size

    def detect(self, pixels: npt.NDArray[np.uint8], min_score: float = 0.1, iou_threshold: float = 0.5) -> Detections:
        """Find things of any class in RGB uint8 [H, W, 3]; NMS ignores the class."""
        canvas, scale = letterbox(pixels, self._size)
        raw = self._run(np.ascontiguousarray(canvas[None, ::-1].astype(np.float32)))[0]
        boxes, scores = decode_yolox(raw, self._size)
        best = scores.max(axis=1)
        confident = np.flatnonzero(best >= min_score)
        kept = confident[nms(boxes[confident], best[confident], iou_threshold)]
        limit = np.array([pixels.shape[1], pixels.shape[0]] * 2, dtype=np.float32)
        placed = np.clip(boxes[kept] / scale, 0, limit).astype(np.float32)
        return Detections(placed, best[kept].astype(np.float32), scores[kept].argmax(axis=1))
