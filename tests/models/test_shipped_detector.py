"""The detector that Whatsit ships: its contract, and that it finds products of a shop it never saw."""

from pathlib import Path

import numpy as np
import pytest

from whatsit.engines.onnx_runner import OnnxRunner
from whatsit.evaluation.metrics.detection_scores import evaluate_detector
from whatsit.evaluation.reports.detector_report import detector_finder, shop_scenes
from whatsit.models.product_labels import label_names

FOLDER = Path(__file__).parents[2] / "model_repository" / "detector"


@pytest.fixture(scope="module")
def detector():
    with OnnxRunner(FOLDER / "1" / "model.onnx") as runner:
        yield runner


@pytest.mark.parametrize("n", [1, 3])
def test_contract(detector, n):
    rng = np.random.default_rng(n)
    out = detector.run({"images": rng.integers(0, 256, size=(n, 3, 416, 416), dtype=np.uint8)})
    assert {name: (array.shape, array.dtype) for name, array in out.items()} == {
        "boxes": ((n, 100, 4), np.dtype(np.float32)),
        "scores": ((n, 100), np.dtype(np.float32)),
        "labels": ((n, 100), np.dtype(np.int32)),
    }
    assert (np.diff(out["scores"], axis=1) <= 0).all()
    assert out["scores"].min() >= 0
    assert out["scores"].max() <= 1
    assert out["boxes"].min() >= 0
    assert out["boxes"].max() <= 416
    assert set(np.unique(out["labels"])) <= set(range(len(label_names())))


def test_a_batch_answers_as_its_pictures_do_alone(detector):
    images = np.stack([_letterboxed(pixels) for pixels, _ in shop_scenes(scenes=2, products=20)])
    together = detector.run({"images": images})["scores"]
    for i in range(2):
        np.testing.assert_allclose(detector.run({"images": images[i : i + 1]})["scores"][0], together[i], atol=1e-4)


def test_label_names_are_those_of_the_training():
    assert (FOLDER / "labels.txt").read_text(encoding="utf-8").split("\n")[:-1] == list(label_names())


def test_finds_products_of_an_unseen_shop(detector):
    scores = evaluate_detector(detector_finder(detector.run), shop_scenes(scenes=8))
    assert scores.recall >= 0.9


def test_is_small():
    assert (FOLDER / "1" / "model.onnx").stat().st_size <= 6_000_000


def _letterboxed(pixels):
    from whatsit.vision.letterbox import letterbox

    return letterbox(pixels, 416)[0]
