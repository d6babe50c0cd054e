"""Training pictures on a square canvas: placing, mosaics, colour distortion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import numpy.typing as npt

from whatsit.evaluation.datasets.labelled_pictures import LabelledPicture
from whatsit.vision.boxes import FloatArray, area
from whatsit.vision.letterbox import PADDING_GREY

_LEAST_VISIBLE = 0.35
_LEAST_SIDE = 4.0


@dataclass(frozen=True)
class Sample:
    """One training picture.

    Args:
        pixels: uint8 [S, S, 3], RGB.
        boxes: float32 [N, 4], pixels.
        labels: int64 [N].
        doubtful: float32 [D, 4], pixels.
        weights: float32 [N] of the boxes; None for 1 each.
        background: float32 [K, 5], windows x1, y1, x2, y2 and the weight of background in each; it is 1 elsewhere.
    """

    pixels: npt.NDArray[np.uint8]
    boxes: FloatArray
    labels: npt.NDArray[np.int64]
    doubtful: FloatArray
    weights: FloatArray | None = None
    background: FloatArray = field(default_factory=lambda: np.zeros((0, 5), dtype=np.float32))

    def box_weights(self) -> FloatArray:
        """Return the weights of the boxes, float32 [N]."""
        return np.ones(len(self.boxes), dtype=np.float32) if self.weights is None else self.weights


def empty(size: int) -> Sample:
    """Return a grey canvas."""
    none = np.zeros((0, 4), dtype=np.float32)
    grey = np.full((size, size, 3), PADDING_GREY, dtype=np.uint8)
    return Sample(grey, none, np.zeros(0, dtype=np.int64), none)


def place(
    canvas: Sample, picture: LabelledPicture, window: tuple[int, int, int, int], scale: float, rng: np.random.Generator
) -> Sample:
    """Draw a picture into a window of the canvas.

    Args:
        canvas: is drawn on, in place.
        picture: is flipped half of the time.
        window: x1, y1, x2, y2 on the canvas; what lies outside is cut off.
        scale: of the picture; a larger picture than the window is cropped at random, a smaller one placed at random.
        rng: decides.

    Returns:
        The canvas with the picture's boxes added; a box that is mostly cut off becomes doubtful.
    """
    pixels = picture.pixels()
    flip = rng.random() < 0.5
    if flip:
        pixels = pixels[:, ::-1]
    height, width = pixels.shape[:2]
    inner_w, inner_h = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(np.ascontiguousarray(pixels), (inner_w, inner_h), interpolation=method)
    x1, y1, x2, y2 = window
    left, right = sorted((x1, x2 - inner_w))
    top, bottom = sorted((y1, y2 - inner_h))
    x, y = int(rng.integers(left, right + 1)), int(rng.integers(top, bottom + 1))
    seen = (max(x, x1), max(y, y1), min(x + inner_w, x2), min(y + inner_h, y2))
    canvas.pixels[seen[1] : seen[3], seen[0] : seen[2]] = resized[seen[1] - y : seen[3] - y, seen[0] - x : seen[2] - x]

    boxes, visible = _cut(_moved(picture.boxes, width, flip, scale, x, y), seen)
    doubtful, shown = _cut(_moved(picture.doubtful, width, flip, scale, x, y), seen)
    kept = visible >= _LEAST_VISIBLE
    return Sample(
        canvas.pixels,
        np.concatenate([canvas.boxes, boxes[kept]]),
        np.concatenate([canvas.labels, picture.labels[kept]]),
        np.concatenate([canvas.doubtful, boxes[~kept & (visible > 0)], doubtful[shown > 0]]),
        np.concatenate([canvas.box_weights(), picture.box_weights()[kept]]),
        canvas.background if picture.background == 1 else _and_window(canvas.background, seen, picture.background),
    )


def single(picture: LabelledPicture, size: int, rng: np.random.Generator) -> Sample:
    """Place one picture, its longer side 0.6 to 1.4 times the canvas."""
    height, width = picture.pixels().shape[:2]
    scale = size / max(height, width) * float(np.exp(rng.uniform(np.log(0.6), np.log(1.4))))
    return place(empty(size), picture, (0, 0, size, size), scale, rng)


def mosaic(pictures: Sequence[LabelledPicture], size: int, rng: np.random.Generator) -> Sample:
    """Compose four pictures around a random point (Bochkovskiy et al., YOLOv4)."""
    cx, cy = (int(v) for v in rng.uniform(0.35, 0.65, size=2) * size)
    windows = ((0, 0, cx, cy), (cx, 0, size, cy), (0, cy, cx, size), (cx, cy, size, size))
    canvas = empty(size)
    for picture, window in zip(pictures, windows, strict=True):
        height, width = picture.pixels().shape[:2]
        fit = max((window[2] - window[0]) / width, (window[3] - window[1]) / height)
        canvas = place(canvas, picture, window, fit * float(rng.uniform(0.7, 1.2)), rng)
    return canvas


def distort(sample: Sample, rng: np.random.Generator) -> Sample:
    """Vary light, contrast and colour, sometimes blur; drop boxes of under 4 pixels."""
    gain, bias = rng.uniform(0.7, 1.3), rng.uniform(-25, 25)
    pixels = (
        cv2.convertScaleAbs(sample.pixels, alpha=gain, beta=bias + 127.5 * (1 - gain))
        if rng.random() < 0.6
        else sample.pixels
    )
    if rng.random() < 0.5:
        hsv = cv2.cvtColor(np.asarray(pixels), cv2.COLOR_RGB2HSV)
        hue = np.arange(256) + rng.uniform(-8, 8)
        saturation = np.clip(np.arange(256) * rng.uniform(0.6, 1.4), 0, 255)
        tables = np.stack([hue % 180, saturation, np.arange(256)], axis=-1).astype(np.uint8)
        pixels = cv2.cvtColor(cv2.LUT(hsv, tables[None]), cv2.COLOR_HSV2RGB)
    if rng.random() < 0.1:
        pixels = cv2.GaussianBlur(np.asarray(pixels), (0, 0), rng.uniform(0.5, 1.5))
    usable = (sample.boxes[:, 2:] - sample.boxes[:, :2]).min(axis=1, initial=np.inf) >= _LEAST_SIDE
    return replace(
        sample,
        pixels=np.asarray(pixels, dtype=np.uint8),
        boxes=sample.boxes[usable],
        labels=sample.labels[usable],
        weights=sample.box_weights()[usable],
    )


def _and_window(background: FloatArray, window: tuple[int, int, int, int], weight: float) -> FloatArray:
    return np.concatenate([background, np.array([[*window, weight]], dtype=np.float32)])


def _moved(boxes: FloatArray, width: int, flip: bool, scale: float, x: int, y: int) -> FloatArray:
    if flip:
        boxes = np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], axis=1)
    return np.asarray(boxes * scale + np.array([x, y, x, y]), dtype=np.float32)


def _cut(boxes: FloatArray, window: tuple[int, int, int, int]) -> tuple[FloatArray, FloatArray]:
    """Clip boxes to the window; return them and the share of each that is left."""
    low, high = np.array(window[:2] * 2), np.array(window[2:] * 2)
    inside = np.clip(boxes, low, high).astype(np.float32)
    return inside, area(inside) / np.maximum(area(boxes), 1e-6)
