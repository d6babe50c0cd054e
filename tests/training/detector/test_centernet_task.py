import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rich.console import Console  # noqa: E402  # after importorskip

from whatsit.evaluation.datasets.labelled_pictures import LabelledPicture  # noqa: E402
from whatsit.training.detector.centernet_recipe import ScanRecipe  # noqa: E402
from whatsit.training.detector.centernet_task import fit_scan  # noqa: E402
from whatsit.training.detector.data import DetectorData  # noqa: E402
from whatsit.training.detector.picture_cache import cache_pictures  # noqa: E402
from whatsit.training.detector.served_teacher import _single  # noqa: E402

QUIET = Console(quiet=True)


@pytest.fixture
def pictures(tmp_path):
    """Bright blocks on dark ground, 100 x 80 pixels."""
    made = []
    for i in range(4):
        pixels = np.full((80, 100, 3), 30, np.uint8)
        pixels[20:60, 10 + 5 * i : 50 + 5 * i] = 230
        path = tmp_path / f"{i}.png"
        cv2.imwrite(str(path), pixels)
        made.append(LabelledPicture(path, np.array([[10 + 5 * i, 20, 50 + 5 * i, 60]], np.float32), np.array([1])))
    return made


def test_cached_pictures_are_smaller_with_their_boxes_and_read_once(pictures, tmp_path):
    first = cache_pictures("blocks", pictures, 50, tmp_path / "cache", QUIET)
    assert first[1].pixels().shape == (40, 50, 3)
    np.testing.assert_allclose(first[1].boxes, pictures[1].boxes / 2)
    for picture in pictures:
        picture.path.unlink()
    again = cache_pictures("blocks", pictures, 50, tmp_path / "cache", QUIET)
    np.testing.assert_array_equal(again[3].pixels(), first[3].pixels())
    assert cache_pictures("none", [], 50, tmp_path / "cache", QUIET) == []


def test_a_short_run_trains_and_writes_its_scores(pictures, tmp_path):
    recipe = ScanRecipe(
        backbone="csp_nano", start="random", epochs=1, steps_per_epoch=2, batch=2, canvas=64, sizes=(64,),
        shares={"blocks": 1.0}, warmup_steps=0, backbone_rate=1e-4,
    )  # fmt: skip
    data = DetectorData({"blocks": pictures}, [], {"blocks": pictures})
    outcome = fit_scan(recipe, data, tmp_path, tmp_path / "run", console=QUIET)
    assert outcome.finished
    assert set(outcome.history[-1]) >= {"recall", "big_blocks", "ap50_blocks", "train_center"}
    assert (tmp_path / "run" / "best.pt").is_file()


def test_parts_of_a_garment_are_doubtful_and_a_photo_without_a_thing_gets_its_middle(tmp_path):
    shirt = LabelledPicture(
        tmp_path / "a.jpg",
        np.array([[0, 0, 100, 100], [10, 10, 40, 40]], np.float32),
        np.array([15, 15]),
    )
    single = _single(shirt, 15, 200, 200)
    assert single.boxes.tolist() == [[0, 0, 100, 100]]
    assert single.doubtful.tolist() == [[10, 10, 40, 40]]
    empty = LabelledPicture(tmp_path / "b.jpg", np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
    np.testing.assert_allclose(_single(empty, 3, 200, 100).boxes, [[20, 10, 180, 90]])
