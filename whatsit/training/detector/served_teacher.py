"""Pseudo-labels: boxes of the served detector on photos."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from whatsit.engines.onnx_runner import OnnxRunner
from whatsit.evaluation.datasets.labelled_pictures import LabelledPicture, read_rgb
from whatsit.models.product_labels import GARMENTS, NO_PRODUCT, PRODUCE, UNKNOWN
from whatsit.vision.boxes import FloatArray, area, iou, nms
from whatsit.vision.letterbox import letterbox

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

SURE = 0.3
"""Score from which a class-free box is a thing."""
DOUBTFUL = 0.12
"""Score from which a place is not background either."""
_NAMED, _UNNAMED = 0.3, 0.15
_MAIN_SHARE, _CENTRED = 0.1, 0.8
_PART = 0.8


class ServedTeacher:
    """The shipped detector as a teacher, a context manager.

    Args:
        path: `model_repository/detector/1/model.onnx`.
    """

    def __init__(self, path: Path) -> None:
        self._runner = OnnxRunner(path)

    def __enter__(self) -> ServedTeacher:
        self._runner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.__exit__(kind, error, trace)

    def detect(self, pixels: Pixels) -> tuple[FloatArray, FloatArray, Labels]:
        """Return class-free boxes, scores and product labels of RGB uint8 [H, W, 3].

        A box takes the label of the surest product box that overlaps it by half; it is `NO_PRODUCT` where none says
        more than 0.15, `UNKNOWN` where the surest says less than 0.3.
        """
        canvas, scale = letterbox(pixels)
        out = self._runner.run({"images": canvas[None]})
        boxes = out["boxes"][0].astype(np.float32) / np.float32(scale)
        scores, labels = out["scores"][0].astype(np.float32), out["labels"][0].astype(np.int64)
        limit = np.array([pixels.shape[1], pixels.shape[0]] * 2, dtype=np.float32)
        boxes = np.clip(boxes, 0, limit).astype(np.float32)
        free = np.flatnonzero((labels == 0) & (scores >= DOUBTFUL))
        free = free[nms(boxes[free], scores[free], 0.5)]
        named = np.flatnonzero((labels > 0) & (scores >= _UNNAMED))
        overlap = np.where(iou(boxes[free], boxes[named]) >= 0.5, scores[named][None], 0.0)
        found = np.full(len(free), NO_PRODUCT, dtype=np.int64)
        if len(named):
            best, sure = overlap.argmax(axis=1), overlap.max(axis=1)
            found = np.where(sure >= _NAMED, labels[named][best], np.where(sure > 0, UNKNOWN, NO_PRODUCT))
        return boxes[free], scores[free], found

    def teach(
        self, photos: Iterable[tuple[Path, int | None]], on_photo: Callable[[], None] = lambda: None
    ) -> Iterator[LabelledPicture]:
        """Label photos with this detector's boxes, as `teacher_labels.teach` does.

        Args:
            photos: path and, where the photo is known to show one product, its label; None for a scene of anything.
            on_photo: called after each photo (progress).

        Yields:
            One picture for each photo.
        """
        for path, label in photos:
            pixels = read_rgb(path)
            boxes, scores, labels = self.detect(pixels)
            sure = scores >= SURE
            picture = LabelledPicture(path, boxes[sure], labels[sure], boxes[~sure])
            yield picture if label is None else _single(picture, label, pixels.shape[1], pixels.shape[0])
            on_photo()


def _single(picture: LabelledPicture, label: int, width: int, height: int) -> LabelledPicture:
    """Give the large boxes of a photo of one product its label.

    Where there is no large box, the centred box that holds 80 % of each side stands for the product. Parts of a garment
    become doubtful.
    """
    if label in GARMENTS:
        part = _inside(picture.boxes) > _PART
        doubtful = np.concatenate([picture.doubtful, picture.boxes[part]])
        picture = LabelledPicture(picture.path, picture.boxes[~part], picture.labels[~part], doubtful)
    share = area(picture.boxes) / (width * height)
    alike = np.array([label in PRODUCE and int(other) in PRODUCE for other in picture.labels], dtype=bool)
    labels = np.where((share >= _MAIN_SHARE) | alike, label, UNKNOWN).astype(np.int64)
    boxes = picture.boxes
    if share.max(initial=0.0) < _MAIN_SHARE:
        margin = (1 - _CENTRED) / 2
        sides = np.array([margin, margin, 1 - margin, 1 - margin]) * [width, height, width, height]
        boxes = np.concatenate([boxes, sides[None].astype(np.float32)])
        labels = np.append(labels, label)
    return LabelledPicture(picture.path, boxes, labels, picture.doubtful)


def _inside(boxes: FloatArray) -> FloatArray:
    """Return the largest share of each box that lies in one larger box, f32 [N]."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    sides, sizes = np.clip(high - low, 0, None), area(boxes)
    share = sides.prod(axis=2) / np.maximum(sizes[:, None], 1e-6)
    return np.asarray(np.where(sizes[None] > sizes[:, None], share, 0.0).max(axis=1, initial=0.0), dtype=np.float32)
