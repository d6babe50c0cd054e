import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.evaluation.datasets.labelled_pictures import read_names
from whatsit.evaluation.reports.detector_report import coco_scenes, compare, detector_finder, shop_scenes, yolox_finder


def test_a_shop_that_networks_train_on_is_refused():
    with pytest.raises(InvalidInput, match="1000"):
        next(shop_scenes(seed=1000))


def test_shop_scenes_repeat_themselves():
    first, again = (next(shop_scenes(scenes=1, products=20)) for _ in range(2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert 1 <= len(first[1]) <= 6


def test_a_perfect_and_a_blind_detector_in_one_table():
    scenes = list(shop_scenes(scenes=2, products=20))
    truth = iter([boxes for _, boxes in scenes])

    def perfect(pixels):
        boxes = next(truth)
        return boxes, np.ones(len(boxes), dtype=np.float32)

    def blind(pixels):
        return np.zeros((0, 4), dtype=np.float32), np.zeros(0, dtype=np.float32)

    scores = compare({"perfect": perfect, "blind": blind}, {"shop": lambda: iter(scenes)})
    assert scores["shop"]["perfect"].recall == 1.0
    assert scores["shop"]["perfect"].ap50 == pytest.approx(1.0)
    assert scores["shop"]["blind"].recall == 0.0
    assert scores["shop"]["blind"].ap50 == 0.0


def test_finders_read_the_two_kinds_of_output():
    def contract(feeds):
        assert feeds["images"].shape == (1, 3, 64, 64)
        boxes = np.array([[[0, 0, 32, 32], [1, 1, 9, 9]]], dtype=np.float32)
        return {"boxes": boxes, "scores": np.array([[0.9, 0.8]], np.float32), "labels": np.array([[0, 2]], np.int32)}

    boxes, scores = detector_finder(contract, 64)(np.zeros((128, 128, 3), dtype=np.uint8))
    np.testing.assert_allclose(boxes, [[0, 0, 64, 64]])
    assert scores.tolist() == pytest.approx([0.9])

    def raw(feeds):
        cells = sum((416 // s) ** 2 for s in (8, 16, 32))
        return {"output": np.zeros((1, cells, 85), dtype=np.float32)}

    assert len(yolox_finder(raw)(np.zeros((64, 64, 3), dtype=np.uint8))[0]) == 0


def test_the_held_out_scenes_are_the_last_28(shared_data):
    from pathlib import Path

    names = read_names(Path(__file__).parents[3] / "build" / "detector.heldout.txt")
    assert sorted(names) == sorted(path.name for path in (shared_data / "coco128/images").glob("*.jpg"))[-28:]
    assert sum(len(boxes) for _, boxes in coco_scenes(shared_data, names)) == 188
    with pytest.raises(InvalidInput, match="nowhere"):
        coco_scenes(shared_data, frozenset({"nowhere.jpg"}))
