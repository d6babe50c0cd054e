from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.training.embedder.mixture import Ingredient, Mixture  # noqa: E402 (after the skip)


class _Numbered:
    """Picture k is k in every pixel, plus chance in its first one."""

    def __init__(self, count: int) -> None:
        self.classes, self.labels = count, np.arange(count)

    def plain(self, index: int, size: int) -> np.ndarray:
        return np.full((3, size, size), index, np.uint8)

    def view(self, index: int, size: int, rng: np.random.Generator) -> np.ndarray:
        picture = self.plain(index, size)
        picture[0, 0, 0] = rng.integers(256)
        return picture


def _mixture(seed: int = 0) -> Mixture:
    parts = [Ingredient(_Numbered(6), share=0.5), Ingredient(_Numbered(5), share=0.5, views=2, first_label=6)]
    return Mixture(parts, batch=8, size=4, seed=seed)


def test_shares_views_and_labels() -> None:
    views, labels = _mixture().batch(0)
    assert views.shape == (8, 3, 4, 4)
    assert views.dtype == torch.uint8
    assert (labels < 6).sum() == 4
    pairs = labels[4:].reshape(2, 2)
    assert torch.equal(pairs[:, 0], pairs[:, 1])
    assert torch.equal(views[:, 2, 3, 3].long(), torch.where(labels < 6, labels, labels - 6))


def test_a_batch_does_not_depend_on_what_was_drawn_before() -> None:
    first, second = _mixture(), _mixture()
    for number in range(5):
        first.batch(number)
    for one, other in zip(first.batch(5), second.batch(5), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(_mixture(seed=1).batch(5)[0], second.batch(5)[0])


def test_every_picture_comes_equally_often() -> None:
    mixture = _mixture()
    seen = Counter(int(label) for number in range(15) for label in mixture.batch(number)[1])
    assert {seen[label] for label in range(6)} == {10}
    assert {seen[label] for label in range(6, 11)} == {12}
