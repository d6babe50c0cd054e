"""Detectors that draw boxes: YOLOX, or any network of the tensor contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.engines.onnx_runner import OnnxRunner
from whatsit.evaluation.datasets.label_file import Box
from whatsit.models.product_labels import label_names
from whatsit.models.yolox import COCO_NAMES, Yolox
from whatsit.vision.boxes import FloatArray, iou, nms
from whatsit.vision.letterbox import DETECTOR_SIDE, letterbox

Pixels = npt.NDArray[np.uint8]
RawBoxes = tuple[FloatArray, FloatArray, npt.NDArray[np.int32]]
_SAME_THING = 0.6


class Finder(Protocol):
    """Finds things in a picture."""

    def find(self, pixels: Pixels, least: float) -> list[Box]:
        """Return the boxes whose score is at least `least`, best first.

        Pixels are RGB uint8 [H, W, 3].
        """


class YoloxFinder:
    """A YOLOX network trained on COCO.

    Args:
        yolox: the network.
        origin: what its boxes say of where they come from.
    """

    def __init__(self, yolox: Yolox, origin: str = "teacher") -> None:
        self._yolox, self._origin = yolox, origin

    def find(self, pixels: Pixels, least: float) -> list[Box]:
        """Return boxes under COCO's names."""
        found = self._yolox.detect(pixels, min_score=least)
        return [
            Box.of_corners(box, COCO_NAMES[label], score=round(float(score), 4), origin=self._origin)
            for box, score, label in zip(found.boxes, found.scores, found.labels, strict=True)
        ]


class ContractFinder:
    """Detector of the tensor contract.

    Class-free boxes take names from class-wise boxes on the same thing.

    Args:
        run: uint8 [1, 3, size, size] -> boxes f32 [1, K, 4], scores f32 [1, K], labels int32 [1, K].
        size: side of the canvas in pixels.
        names: of the labels, the class-free one first.
        origin: what its boxes say of where they come from.
    """

    def __init__(
        self, run: Callable[[Pixels], RawBoxes], size: int, names: Sequence[str], origin: str = "teacher"
    ) -> None:
        self._run, self._size, self._names, self._origin = run, size, names, origin

    def find(self, pixels: Pixels, least: float) -> list[Box]:
        """Return boxes of both streams after one NMS at IoU 0.5."""
        canvas, scale = letterbox(pixels, self._size)
        boxes, scores, labels = (array[0] for array in self._run(canvas[None]))
        height, width = pixels.shape[:2]
        boxes = np.clip(boxes / np.float32(scale), 0, np.array([width, height] * 2, dtype=np.float32))
        usable = (scores >= least) & ((boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf) >= 1)
        boxes, scores, labels = boxes[usable], scores[usable], labels[usable]
        kept = nms(boxes, scores, 0.5)
        same = iou(boxes[kept], boxes) > _SAME_THING
        found = []
        for row, index in enumerate(kept):
            label = int(labels[index])
            named = np.flatnonzero(same[row] & (labels > 0))
            if label == 0 and len(named):
                label = int(labels[named[np.argmax(scores[named])]])
            score = round(float(scores[index]), 4)
            found.append(Box.of_corners(boxes[index], self._names[label], score=score, origin=self._origin))
        return found


@contextmanager
def open_finder(model: Path, threads: int = 1) -> Iterator[Finder]:
    """Open a detector.

    Args:
        model: `yolox_*.onnx`, an ONNX file of the tensor contract (with `labels.txt` beside it or one folder up, else
            Whatsit's own names), or a checkpoint of `whatsit train detector`.
        threads: CPU threads.

    Raises:
        InvalidInput: it is none of these.
        Unavailable: there is no such file.
        Damaged: it cannot be loaded.
    """
    if model.suffix in {".pt", ".safetensors"}:
        yield trained_finder(model)
        return
    with OnnxRunner(model, threads) as runner:
        outputs = {spec.name for spec in runner.outputs}
        if {"boxes", "scores", "labels"} <= outputs:
            yield ContractFinder(_contract(runner), _side(runner), _names(model))
        elif len(outputs) == 1 and runner.inputs[0].dtype == np.float32:
            yield YoloxFinder(Yolox(_raw(runner), _side(runner)))
        else:
            raise InvalidInput(
                f"{model} gives {', '.join(sorted(outputs))}, which is neither YOLOX nor boxes, scores and labels: "
                "pass another detector."
            )


def trained_finder(checkpoint: Path, origin: str = "teacher") -> ContractFinder:
    """Open a checkpoint of `whatsit train detector`.

    Raises:
        InvalidInput: there is none.
        Damaged: it is no checkpoint of a detector.
    """
    from whatsit.engines.trained_networks import load_network

    network = load_network("detector", checkpoint)

    def run(images: Pixels) -> RawBoxes:
        boxes, scores, labels = network.run(images)
        return boxes, scores, labels

    return ContractFinder(run, network.size, label_names(), origin)


def _contract(runner: OnnxRunner) -> Callable[[Pixels], RawBoxes]:
    name = runner.inputs[0].name

    def run(images: Pixels) -> RawBoxes:
        out = runner.run({name: images})
        return out["boxes"].astype(np.float32), out["scores"].astype(np.float32), out["labels"].astype(np.int32)

    return run


def _raw(runner: OnnxRunner) -> Callable[[FloatArray], FloatArray]:
    name, output = runner.inputs[0].name, runner.outputs[0].name
    return lambda images: np.asarray(runner.run({name: images})[output], dtype=np.float32)


def _side(runner: OnnxRunner) -> int:
    return runner.inputs[0].shape[-1] or DETECTOR_SIDE


def _names(model: Path) -> tuple[str, ...]:
    for folder in (model.parent, model.parent.parent):
        if (folder / "labels.txt").is_file():
            return tuple((folder / "labels.txt").read_text(encoding="utf-8").split("\n"))
    return label_names()
