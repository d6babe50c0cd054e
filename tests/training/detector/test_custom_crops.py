from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

pytest.importorskip("torch")

from whatsit.evaluation.datasets.label_file import Box, LabelFile, Picture
from whatsit.training.common.custom_data import CustomData
from whatsit.training.detector.custom import custom_detector_data
from whatsit.training.detector.mosaic import mosaic, single

WEAK = (Box(1, 1, 40, 40, "cup", weight=0.7), Box(20, 2, 40, 40, "cup", weight=0.0))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten pictures: five with real boxes in `real.json`, five with those of crops."""
    (tmp_path / "pictures").mkdir()
    for number in range(10):
        cv2.imwrite(str(tmp_path / "pictures" / f"{number}.png"), np.full((64, 64, 3), 20 * number, np.uint8))
    real = [Picture(f"{n}.png", 64, 64, (Box(1, 1, 40, 40, "cup"),)) for n in range(5)]
    LabelFile(tuple(real)).write(tmp_path / "real.json")
    weak = [Picture(f"{n}.png", 64, 64, WEAK, background=0.5) for n in range(5, 10)]
    LabelFile(tuple(weak)).write(tmp_path / "labels.json")
    return tmp_path


def test_crops_add_to_boxes_and_measure_nothing(folder: Path) -> None:
    both = custom_detector_data(CustomData(coco=folder / "real.json", images=folder / "pictures", crops=folder))
    assert [picture.path.name for picture in both.validation["custom"]] == ["4.png"]
    assert len(both.sources["custom"]) == 9
    assert both.sources["custom"][0].box_weights().tolist() == [1.0]
    assert both.sources["custom"][-1].box_weights().tolist() == pytest.approx([0.7, 0.0])
    alone = custom_detector_data(CustomData(crops=folder))
    assert (len(alone.sources["custom"]), len(alone.validation["custom"])) == (4, 1)
    with pytest.raises(InvalidInput, match="cannot be read"):
        custom_detector_data(CustomData(crops=folder / "none"))


def test_weights_go_with_their_boxes_into_training_pictures(folder: Path) -> None:
    pictures = custom_detector_data(CustomData(crops=folder)).sources["custom"]
    rng = np.random.default_rng(3)
    for _ in range(20):
        made = single(pictures[0], 96, rng)
        assert len(made.box_weights()) == len(made.boxes) == len(made.labels)
        ((*window, weight),) = made.background.tolist()
        assert (weight, window[2] > window[0]) == (0.5, True)
    joined = mosaic(pictures[:4], 96, rng)
    assert joined.background.shape == (4, 5)
    assert set(joined.box_weights().tolist()) <= {np.float32(0.7).item(), 0.0}
