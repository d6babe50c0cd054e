import cv2
import numpy as np
import pytest

from whatsit.evaluation.datasets.labelled_pictures import LabelledPicture
from whatsit.training.detector.mosaic import Sample, distort, empty, mosaic, place, single


@pytest.fixture
def picture(tmp_path):
    """A black 80 x 60 picture with a red 20 x 20 block at (10, 30)."""
    pixels = np.zeros((60, 80, 3), dtype=np.uint8)
    pixels[30:50, 10:30, 0] = 255
    path = tmp_path / "block.png"
    cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return LabelledPicture(path, np.array([[10, 30, 30, 50]], dtype=np.float32), np.array([3]))


def red_box(pixels):
    rows, columns = np.nonzero((pixels[..., 0] > 180) & (pixels[..., 1] < 60))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize("seed", range(8))
def test_the_box_stays_on_the_block_wherever_it_goes(picture, seed):
    rng = np.random.default_rng(seed)
    sample = place(empty(200), picture, (0, 0, 200, 200), float(rng.uniform(0.8, 2.2)), rng)
    assert sample.labels.tolist() == [3]
    np.testing.assert_allclose(sample.boxes[0], red_box(sample.pixels), atol=1.6)


def test_what_is_mostly_cut_off_becomes_doubtful(picture):
    boxes, doubtful = 0, 0
    for seed in range(40):
        sample = place(empty(40), picture, (0, 0, 40, 40), 3.0, np.random.default_rng(seed))
        red = int((sample.pixels[..., 0] > 180).sum())  # what of the 60 x 60 block is left
        assert len(sample.boxes) + len(sample.doubtful) == int(red > 0)
        assert len(sample.boxes) == int(red >= 0.35 * 60 * 60)
        boxes, doubtful = boxes + len(sample.boxes), doubtful + len(sample.doubtful)
        for box in [*sample.boxes, *sample.doubtful]:
            assert box.min() >= 0
            assert box.max() <= 40
    assert boxes > 0
    assert doubtful > 0


def test_single_and_mosaic_fill_a_square_canvas(picture):
    rng = np.random.default_rng(0)
    assert single(picture, 96, rng).pixels.shape == (96, 96, 3)
    tiled = mosaic([picture] * 4, 128, rng)
    assert tiled.pixels.shape == (128, 128, 3)
    assert tiled.boxes.dtype == np.float32
    assert 1 <= len(tiled.boxes) <= 4


def test_distortion_leaves_boxes_alone_but_drops_the_tiny():
    pixels = np.full((50, 50, 3), 100, dtype=np.uint8)
    boxes = np.array([[0, 0, 20, 20], [5, 5, 8, 30]], dtype=np.float32)
    sample = Sample(pixels, boxes, np.array([1, 2]), np.zeros((0, 4), dtype=np.float32))
    for seed in range(10):
        out = distort(sample, np.random.default_rng(seed))
        assert out.pixels.dtype == np.uint8
        assert out.labels.tolist() == [1]
        np.testing.assert_array_equal(out.boxes, boxes[:1])
