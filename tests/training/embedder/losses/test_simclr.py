from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.training.embedder.losses.simclr import TEMPERATURE, positive_pairs, simclr_loss  # noqa: E402
from whatsit.training.embedder.mixture import Ingredient, Mixture  # noqa: E402 (after the skip)


class _Blank:
    """Pictures that are each their own class."""

    classes, labels = 6, np.arange(6)

    def plain(self, index: int, size: int) -> np.ndarray:
        return np.zeros((3, size, size), np.uint8)

    def view(self, index: int, size: int, rng: np.random.Generator) -> np.ndarray:
        return self.plain(index, size)


def test_twins_are_the_two_views_of_one_picture() -> None:
    parts = [Ingredient(_Blank(), 0.5), Ingredient(_Blank(), 0.5, views=2, first_label=6)]
    mixture = Mixture(parts, batch=8, size=4, seed=0)
    twins = positive_pairs(mixture.ingredients, mixture.pictures)
    _, labels = mixture.batch(3)
    assert len(twins) == sum(n for i, n in zip(mixture.ingredients, mixture.pictures, strict=True) if i.views == 2)
    assert torch.equal(labels[twins[:, 0]], labels[twins[:, 1]])
    assert len(set(twins.flatten().tolist())) == 2 * len(twins)


def test_loss_is_the_cross_entropy_over_all_other_views() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(6, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    twins = [(0, 1), (4, 5)]
    costs = []
    for one, other in [*twins, *((b, a) for a, b in twins)]:
        similar = np.exp(vectors[one] @ vectors.T / TEMPERATURE)
        costs.append(-np.log(similar[other] / (similar.sum() - similar[one])))
    loss = simclr_loss(torch.from_numpy(vectors), torch.tensor(twins))
    assert float(loss) == pytest.approx(np.mean(costs), rel=1e-6)
