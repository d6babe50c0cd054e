from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perf.loop.crops.people import Habits, crop_each
from whatsit.vision.box_clusters import cluster_boxes, cluster_weight, seen_share
from whatsit.vision.boxes import iou

pytest.importorskip("scipy")
THINGS = np.array([[20, 30, 120, 180], [100, 40, 220, 160], [300, 200, 360, 290]], dtype=np.float32)
SIZE = (400, 320)


def people(count: int, seed: int = 0, stray: float = 0.15) -> np.ndarray:
    return crop_each(THINGS, SIZE, count, np.random.default_rng(seed), Habits(stray=stray)).boxes


@pytest.mark.parametrize("seed", range(5))
def test_noisy_crops_give_back_the_things(seed: int) -> None:
    crops = people(12, seed)
    clusters = cluster_boxes(crops)
    assert sorted(np.concatenate([one.members for one in clusters]).tolist()) == list(range(len(crops)))
    heavy = np.stack([one.box for one in clusters[:3]])
    assert (iou(THINGS, heavy).max(axis=1) > 0.5).all()
    weights = [cluster_weight(one, len(crops)) for one in clusters]
    assert min(weights[:3]) > max(0.5, *weights[3:])  # several people cropped two things as one


def test_a_slip_does_not_move_the_box() -> None:
    good = THINGS[0] + np.random.default_rng(1).normal(0, 2, (9, 4)).astype(np.float32)
    slip = np.array([[0, 20, 160, 200]], dtype=np.float32)
    (one,) = cluster_boxes(np.concatenate([good, slip]))
    assert len(one.members) == 10
    median = np.median(good, axis=0)
    assert np.abs(one.box - median).max() < 2
    assert np.abs(np.concatenate([good, slip]).mean(axis=0) - median).max() > 3  # a mean follows it


def test_weights_decide_the_median() -> None:
    boxes = np.array([[0, 0, 100, 100], [0, 0, 100, 100], [10, 10, 110, 110]], dtype=np.float32)
    (light,) = cluster_boxes(boxes)
    (heavy,) = cluster_boxes(boxes, np.array([1, 1, 5], dtype=np.float32))
    assert light.box.tolist() == [0, 0, 100, 100]
    assert heavy.box.tolist() == [10, 10, 110, 110]


@settings(max_examples=25)
@given(st.permutations(list(range(18))))
def test_the_order_of_the_crops_does_not_matter(order: list[int]) -> None:
    crops = people(6)
    plain, mixed = cluster_boxes(crops), cluster_boxes(crops[order])
    assert sorted(one.box.tolist() for one in plain) == sorted(one.box.tolist() for one in mixed)
    assert {frozenset(one.members.tolist()) for one in plain} == {
        frozenset(order[n] for n in one.members) for one in mixed
    }


def test_none_and_one() -> None:
    assert cluster_boxes(np.zeros((0, 4), dtype=np.float32)) == []
    (one,) = cluster_boxes(THINGS[:1])
    assert (one.members.tolist(), one.agreement) == ([0], 1.0)
    assert cluster_weight(one, 1) > cluster_weight(one, 100)


def test_unseen_things_by_good_and_turing() -> None:
    assert seen_share([]) == 0
    assert seen_share([1, 1, 1]) == 0
    assert seen_share([8, 1, 1]) == pytest.approx(0.8)
    assert seen_share([8, 2]) == 1
