"""Heaps of boxes, and what the selection of regions leaves of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from whatsit.vision.boxes import FloatArray
from whatsit.vision.heaps import find_heaps
from whatsit.vision.regions import NAMED, Regions, select_regions

NAMES = ("object", "fruit", "carton")
FRUIT, CARTON = 1, 2
SIDE = 400


def grid(
    columns: int, rows: int, step: float = 40, side: float = 38, corner: tuple[float, float] = (0, 0)
) -> FloatArray:
    """Return boxes side by side, f32 [columns * rows, 4]."""
    x, y = (part.ravel() for part in np.meshgrid(np.arange(columns) * step, np.arange(rows) * step))
    left, top = x + corner[0], y + corner[1]
    return np.stack([left, top, left + side, top + side], axis=1).astype(np.float32)


def select(boxes: FloatArray, labels: Sequence[int], scores: Sequence[float] | None = None, cap: int = 8) -> Regions:
    """Select regions of a square picture; scores fall from 0.9 unless given."""
    given = np.linspace(0.9, 0.5, len(boxes)) if scores is None else np.array(scores)
    return select_regions(boxes, given.astype(np.float32), np.array(labels, np.int32), NAMES, SIDE, SIDE, cap=cap)


def test_boxes_of_loose_goods_side_by_side_are_a_heap() -> None:
    boxes = np.concatenate([grid(3, 2), grid(2, 1, corner=(300, 300))])
    (heap,) = find_heaps(boxes, ["fruit"] * 8)
    assert heap.members.tolist() == [0, 1, 2, 3, 4, 5]
    assert heap.box.tolist() == [0, 0, 118, 78]
    assert heap.enclosing is None


@pytest.mark.parametrize(
    ("boxes", "names"),
    [
        (grid(3, 1), ["fruit"] * 3),
        (grid(4, 2), ["carton"] * 8),
        (grid(4, 2), ["fruit", "vegetable"] * 4),
        (grid(4, 2, step=80), ["fruit"] * 8),
        (np.array([[0, 0, s, s] for s in (20, 40, 80, 160)], np.float32), ["fruit"] * 4),
        (np.zeros((0, 4), np.float32), []),
    ],
    ids=["few", "packages", "two kinds", "far apart", "of all sizes", "none"],
)
def test_other_boxes_are_none(boxes: FloatArray, names: list[str]) -> None:
    assert find_heaps(boxes, names) == []


def test_a_heap_becomes_its_hull_and_its_best_member() -> None:
    boxes = grid(5, 2)
    regions = select(boxes, [FRUIT] * 10)
    assert regions.boxes[1:].tolist() == [boxes[0].tolist(), [0, 0, 198, 78]]
    assert regions.labels == ("image", "fruit", "fruit")


def test_the_box_around_a_heap_takes_the_place_of_the_hull() -> None:
    crate = np.array([[0, 0, 210, 90]], np.float32)
    regions = select(np.concatenate([grid(5, 2), crate]), [FRUIT] * 11)
    assert regions.boxes[1:].tolist() == [[0, 0, 38, 38], crate[0].tolist()]


def test_places_of_members_go_to_boxes_elsewhere() -> None:
    heap, others = grid(4, 2), grid(4, 2, step=70, corner=(80, 200))
    regions = select(np.concatenate([heap, others]), [FRUIT] * 8 + [CARTON] * 8)
    assert len(regions) == 8
    assert regions.labels[1:].count("carton") == 5


@pytest.mark.parametrize("cap", [1, 2, 3])
def test_no_more_regions_than_asked_for(cap: int) -> None:
    assert len(select(grid(4, 2), [FRUIT] * 8, cap=cap)) == cap


def test_boxes_without_a_heap_stay_as_they_are() -> None:
    boxes = grid(4, 2, step=90)
    regions = select(boxes, [FRUIT] * 8)
    assert np.array_equal(regions.boxes[1:], boxes[:7])


@pytest.mark.parametrize(("share", "name"), [(NAMED + 0.01, "carton"), (NAMED - 0.01, "object")])
def test_a_name_much_less_sure_than_the_thing_is_left_out(share: float, name: str) -> None:
    boxes = np.array([[50, 50, 200, 200], [52, 50, 202, 200]], np.float32)
    assert select(boxes, [0, CARTON], [0.9, 0.9 * share]).labels == ("image", name)
