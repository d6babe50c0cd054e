"""Layers of density clusters, against a plain search for connected neighbours."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from whatsit.training.embedder.layered_dbscan import ALONE, grouped_order, layered_groups, radii_for


def plain_groups(centres: np.ndarray, radii: list[float]) -> list[set[int]]:
    """With two points to a core, DBSCAN's clusters are the connected components of the neighbour graph."""
    unit = centres / np.linalg.norm(centres, axis=1, keepdims=True)
    left, groups = set(range(len(centres))), []
    for radius in radii:
        todo = set(left)
        while todo:
            group, edge = set(), [todo.pop()]
            while edge:
                here = edge.pop()
                group.add(here)
                near = {other for other in todo if 1 - unit[here] @ unit[other] <= radius}
                todo -= near
                edge += near
            if len(group) > 1:
                groups.append(group)
                left -= group
    return groups


def angles(*degrees: float) -> np.ndarray:
    turns = np.radians(degrees)
    return np.stack([np.cos(turns), np.sin(turns)], axis=1).astype(np.float32)


def test_narrow_layers_settle_first_and_wide_ones_take_the_rest() -> None:
    groups = layered_groups(angles(0, 5, 90, 120, 12, 230), radii=[0.01, 0.2])
    assert groups[0] == groups[1] == groups[4]
    assert groups[2] == groups[3] != groups[0]
    assert groups[5] == ALONE


@pytest.mark.parametrize("seed", range(5))
def test_groups_equal_those_of_a_plain_search(seed: int) -> None:
    centres = np.random.default_rng(seed).normal(size=(40, 3)).astype(np.float32)
    radii = [0.02, 0.05, 0.1]
    groups = layered_groups(centres, radii)
    found = [set(np.flatnonzero(groups == g).tolist()) for g in range(groups.max() + 1)]
    assert sorted(map(sorted, found)) == sorted(map(sorted, plain_groups(centres, radii)))


def test_an_order_holds_every_picture_once_and_brings_groups_together() -> None:
    labels = np.repeat(np.arange(20), 30)
    groups = np.full(20, ALONE)
    groups[[3, 11, 17]] = 0
    order = grouped_order(labels, groups, 0.05, np.random.default_rng(0))
    assert sorted(order.tolist()) == list(range(600))
    places = np.flatnonzero(np.isin(labels[order], [3, 11, 17]))
    assert places.max() - places.min() < 150  # of 600; spread evenly they would take nearly all
    assert {3, 11, 17} <= set(labels[order][places.min() : places.min() + 20].tolist())


def test_without_groups_the_order_is_a_plain_shuffle() -> None:
    order = grouped_order(np.arange(50), np.full(50, ALONE), 0.0, np.random.default_rng(1))
    np.testing.assert_array_equal(order, np.argsort(np.random.default_rng(1).random(50), kind="stable"))


def test_radii_follow_the_nearest_neighbours() -> None:
    centres = angles(0, 10, 100, 130, 250)
    nearest = [1 - np.cos(np.radians(turn)) for turn in (10, 10, 30, 30, 110)]
    np.testing.assert_allclose(radii_for(centres, [0.0, 0.5, 1.0]), np.quantile(nearest, [0, 0.5, 1]), atol=1e-6)
