"""IoU, NMS, letterbox, crop and the choice of regions."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from whatsit.vision.boxes import iou, nms
from whatsit.vision.crop import crop_resize
from whatsit.vision.letterbox import letterbox
from whatsit.vision.regions import select_regions

coordinate = st.integers(0, 40)


def box_lists(least: int = 0) -> st.SearchStrategy[np.ndarray]:
    box = st.tuples(coordinate, coordinate, st.integers(1, 20), st.integers(1, 20))
    return st.lists(box, min_size=least, max_size=12).map(
        lambda rows: np.array([(x, y, x + w, y + h) for x, y, w, h in rows], dtype=np.float32).reshape(-1, 4)
    )


@given(box_lists(), box_lists())
def test_iou_counts_pixels(a: np.ndarray, b: np.ndarray) -> None:
    """Against counting covered cells of a grid."""
    got = iou(a, b)
    for i, first in enumerate(a.astype(int)):
        for j, second in enumerate(b.astype(int)):
            grid = np.zeros((2, 64, 64), dtype=bool)
            grid[0, first[1] : first[3], first[0] : first[2]] = True
            grid[1, second[1] : second[3], second[0] : second[2]] = True
            assert np.isclose(got[i, j], grid.all(0).sum() / grid.any(0).sum(), atol=1e-5)


def test_iou_of_empty_boxes_is_zero() -> None:
    empty = np.zeros((1, 4), dtype=np.float32)
    assert iou(empty, empty)[0, 0] == 0


@settings(max_examples=60)
@given(box_lists(1), st.floats(0.1, 0.9), st.integers(0, 9))
def test_nms_keeps_the_best_of_each_crowd(boxes: np.ndarray, threshold: float, seed: int) -> None:
    scores = np.random.default_rng(seed).random(len(boxes)).astype(np.float32)
    kept = nms(boxes, scores, threshold)
    assert (np.diff(scores[kept]) <= 0).all()
    overlaps = iou(boxes[kept], boxes[kept]) - np.eye(len(kept), dtype=np.float32)
    assert (overlaps <= threshold + 1e-6).all()
    for index in set(range(len(boxes))) - set(kept.tolist()):
        better = kept[scores[kept] >= scores[index]]
        assert iou(boxes[[index]], boxes[better]).max() > threshold


def test_letterbox_keeps_the_aspect() -> None:
    pixels = np.full((50, 100, 3), 200, dtype=np.uint8)
    canvas, scale = letterbox(pixels, 416)
    assert canvas.shape == (3, 416, 416)
    assert scale == 4.16
    assert (canvas[:, :208] == 200).all()
    assert (canvas[:, 208:] == 114).all()


def test_crop_takes_the_box_and_survives_any() -> None:
    pixels = np.zeros((60, 80, 3), dtype=np.uint8)
    pixels[10:30, 20:60] = 255
    assert (crop_resize(pixels, (20, 10, 60, 30)) == 255).all()
    assert crop_resize(pixels).shape == (3, 224, 224)
    for box in [(-50, -50, -10, -10), (500, 500, 900, 900), (5, 5, 5, 5), (79.9, 59.9, 80, 60)]:
        assert crop_resize(pixels, box).shape == (3, 224, 224)


NAMES = ("object", "carton", "bottle")


def pick(boxes: list[tuple[float, ...]], scores: list[float], labels: list[int], **options: float):
    return select_regions(
        np.array(boxes, dtype=np.float32).reshape(-1, 4),
        np.array(scores, dtype=np.float32),
        np.array(labels, dtype=np.int32),
        NAMES,
        200,
        100,
        **options,  # type: ignore[arg-type]  # all options are numbers
    )


def test_nothing_detected_leaves_the_whole_picture() -> None:
    regions = pick([], [], [])
    assert regions.boxes.tolist() == [[0, 0, 200, 100]]
    assert regions.labels == ("image",)


def test_regions_are_thinned_named_and_capped() -> None:
    boxes = [(10, 10, 60, 90), (11, 11, 61, 91), (100, 10, 150, 90), (0, 0, 200, 100), (0, 0, 3, 3)]
    regions = pick(boxes, [0.9, 0.8, 0.7, 0.95, 0.99], [0, 2, 1, 1, 1])
    assert regions.labels == ("image", "bottle", "carton")
    assert np.allclose(regions.scores, [1, 0.9, 0.7])
    many = [(i * 20.0, 0.0, i * 20.0 + 18, 60.0) for i in range(10)]
    assert len(pick(many, [0.9] * 10, [1] * 10, cap=4)) == 4


def test_boxes_outside_are_clipped() -> None:
    regions = pick([(-30, -30, 50, 50)], [0.9], [1])
    assert regions.boxes[1].tolist() == [0, 0, 50, 50]
