"""Scores of the detector on held-out pictures, beside YOLOX-nano."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.evaluation.datasets.labelled_pictures import iterate_pictures
from whatsit.evaluation.datasets.yolo_labels import read_coco_scenes
from whatsit.evaluation.metrics.detection_scores import DetectionScores, Found, class_free, evaluate_detector
from whatsit.evaluation.reports.detection_plots import draw_precision_recall, draw_sheet, precision_recall
from whatsit.models.yolox import Yolox
from whatsit.rendering.product import make_products
from whatsit.rendering.scene import make_scene
from whatsit.vision.boxes import FloatArray
from whatsit.vision.letterbox import DETECTOR_SIDE

Pixels = npt.NDArray[np.uint8]
Arrays = dict[str, npt.NDArray[np.generic]]
Run = Callable[[Arrays], Arrays]
Pictures = Iterator[tuple[Pixels, FloatArray]]
_LOWEST_SCORE = 0.01


def detector_finder(run: Run, size: int = DETECTOR_SIDE) -> Callable[[Pixels], Found]:
    """Return a served detector's class-free boxes; `run` is an ONNX runner's."""

    def contract(images: Pixels) -> tuple[FloatArray, FloatArray, npt.NDArray[np.int32]]:
        out = run({"images": images})
        return out["boxes"].astype(np.float32), out["scores"].astype(np.float32), out["labels"].astype(np.int32)

    return class_free(contract, size)


def yolox_finder(run: Run) -> Callable[[Pixels], Found]:
    """Return YOLOX-nano's class-free boxes: scores from 0.01, NMS at 0.5.

    `run` is an ONNX runner's.
    """
    network = Yolox(lambda images: next(iter(run({"images": images}).values())).astype(np.float32))

    def find(pixels: Pixels) -> Found:
        found = network.detect(pixels, min_score=_LOWEST_SCORE)
        return found.boxes, found.scores

    return find


def coco_scenes(data: Path, held_out: frozenset[str]) -> Pictures:
    """Return the scenes of coco128 that training leaves out.

    Raises:
        InvalidInput: `data` lacks one of them.
    """
    pictures = read_coco_scenes(data / "coco128")
    chosen = [picture for picture in pictures if picture.path.name in held_out]
    if missing := held_out - {picture.path.name for picture in chosen}:
        raise InvalidInput(f"{data / 'coco128'} lacks {min(missing)}, which the held-out list names: fetch it again.")
    return iterate_pictures(chosen)


def shop_scenes(seed: int = 2, scenes: int = 100, products: int = 300) -> Pictures:
    """Draw scenes of 1 to 6 products of a shop that no training saw.

    Raises:
        InvalidInput: the seed is one of those that networks train on.
    """
    if seed >= 1000:
        raise InvalidInput(f"Shop seed {seed} may have been trained on: measure on a seed below 1000.")
    shop = make_products(products, seed)
    for number in range(scenes):
        rng = np.random.default_rng([seed, 31, number])
        scene = make_scene(shop, rng, count=int(rng.integers(1, 7)))
        yield scene.image, scene.boxes


def compare(
    finders: Mapping[str, Callable[[Pixels], Found]], pictures: Mapping[str, Callable[[], Pictures]]
) -> dict[str, dict[str, DetectionScores]]:
    """Score every detector on every set: set -> detector -> scores."""
    return {
        name: {finder: evaluate_detector(find, make()) for finder, find in finders.items()}
        for name, make in pictures.items()
    }


def draw(
    finders: Mapping[str, Callable[[Pixels], Found]], pictures: Sequence[tuple[Pixels, FloatArray]], out: Path
) -> None:
    """Write `detector.precision-recall.png` and `detector.scenes.png` into `out`."""
    truth = [boxes for _, boxes in pictures]
    curves = {name: precision_recall([find(pixels) for pixels, _ in pictures], truth) for name, find in finders.items()}
    title = f"{len(pictures)} pictures, {sum(map(len, truth))} boxes, class-free, IoU 0.5"
    draw_precision_recall(curves, title, out / "detector.precision-recall.png")
    spread = np.unique(np.linspace(0, len(pictures) - 1, 8).astype(int))
    draw_sheet(finders, [pictures[i] for i in spread], out / "detector.scenes.png")
