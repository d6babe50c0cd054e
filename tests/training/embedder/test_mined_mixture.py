from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from whatsit.training.embedder.layered_dbscan import ALONE  # noqa: E402 (after the skip)
from whatsit.training.embedder.mined_mixture import HardGroups, MinedMixture  # noqa: E402
from whatsit.training.embedder.mixture import Ingredient, Mixture  # noqa: E402


def ingredient(classes: int, each: int) -> Ingredient:
    labels = np.repeat(np.arange(classes), each)
    return Ingredient(SimpleNamespace(labels=labels, classes=classes), 0.5)  # type: ignore[arg-type]


def test_class_vectors_that_are_close_are_grouped() -> None:
    groups = HardGroups(np.array([0, 1, 3]), [0.7])
    assert groups.of_class.tolist() == [ALONE] * 4
    vectors = torch.tensor([[1.0, 0.01, 0.5], [1.0, 0.02, 0.5], [9.0, 9.0, 9.0], [-1.0, 1.0, 0.0]]).T
    groups.regroup(vectors)
    first, second, left_out, other = groups.of_class.tolist()
    assert first == second != ALONE
    assert left_out == other == ALONE
    assert "of_class" in groups.state_dict()


def test_a_group_stays_together_in_the_order_of_the_first_ingredient() -> None:
    parts = [ingredient(20, 5), ingredient(3, 4)]
    mixture = MinedMixture(parts, batch=10, size=32, seed=1)
    mixture.groups[[2, 11]] = 0
    order = mixture.order(0, 0)
    assert sorted(order) == list(range(100))
    places = np.flatnonzero(np.isin(parts[0].source.labels[order], [2, 11]))
    assert places.max() - places.min() < 30
    np.testing.assert_array_equal(order, mixture.order(0, 0))
    assert (order != mixture.order(0, 1)).any()
    np.testing.assert_array_equal(mixture.order(1, 0), Mixture(parts, 10, 32, 1).order(1, 0))
