from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.training.embedder.losses.center_loss import center_loss  # noqa: E402 (after the skip)


def test_mean_distance_of_products_to_their_class_vectors() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(5, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    classes = rng.normal(size=(3, 4))
    labels = np.array([0, 1, 3, 1, 2])
    expected = np.mean(
        [1 - vectors[i] @ classes[:, labels[i]] / np.linalg.norm(classes[:, labels[i]]) for i in (0, 1, 3)]
    )
    loss = center_loss(*(torch.from_numpy(x) for x in (vectors, labels, classes)), classes=2)
    assert float(loss) == pytest.approx(expected, abs=1e-6)


def test_a_batch_without_products_costs_nothing() -> None:
    assert float(center_loss(torch.ones(2, 3), torch.tensor([5, 6]), torch.ones(3, 7), classes=2)) == 0


def test_class_vectors_are_pulled_as_well() -> None:
    classes = torch.tensor([[1.0], [0.0]], requires_grad=True)
    center_loss(torch.tensor([[0.0, 1.0]]), torch.tensor([0]), classes, classes=1).backward()
    assert classes.grad[1, 0] < 0
