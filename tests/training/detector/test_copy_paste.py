import cv2
import numpy as np
import pytest
from whatsit_client.errors import Damaged

from whatsit.training.detector.copy_paste import Cutout, paste
from whatsit.training.detector.mosaic import Sample


@pytest.fixture
def cutout(tmp_path):
    rgba = np.zeros((60, 40, 4), dtype=np.uint8)
    rgba[..., :3] = (255, 0, 0)
    rgba[5:, :, 3] = 255
    cv2.imwrite(str(tmp_path / "cut.png"), cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))
    return Cutout(tmp_path / "cut.png", 4)


def blank(size=100, boxes=()):
    boxes = np.array(boxes, dtype=np.float32).reshape(-1, 4)
    pixels = np.zeros((size, size, 3), dtype=np.uint8)
    return Sample(pixels, boxes, np.zeros(len(boxes), dtype=np.int64), np.zeros((0, 4), dtype=np.float32))


@pytest.mark.parametrize("seed", range(8))
def test_the_box_bounds_what_was_pasted(cutout, seed):
    sample = paste(blank(), [cutout], np.random.default_rng(seed), most=1)
    assert sample.labels.tolist() == [4]
    rows, columns = np.nonzero(sample.pixels[..., 0] > 60)
    np.testing.assert_allclose(
        sample.boxes[0], [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], atol=2.5
    )


def test_a_covered_thing_is_no_longer_learnt(cutout):
    everywhere = [[x, y, x + 4, y + 4] for x in range(0, 100, 4) for y in range(0, 100, 4)]
    sample = paste(blank(boxes=everywhere), [cutout], np.random.default_rng(1), most=1)
    assert len(sample.doubtful) > 0
    assert len(sample.boxes) + len(sample.doubtful) == len(everywhere) + 1
    assert sample.labels[-1] == 4


def test_a_picture_without_alpha_is_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "flat.png"), np.zeros((5, 5, 3), dtype=np.uint8))
    with pytest.raises(Damaged, match=r"flat\.png"):
        Cutout(tmp_path / "flat.png", 1).rgba()
