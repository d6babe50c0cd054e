from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.training.embedder.losses.metric_losses import class_logits, class_loss, pair_loss  # noqa: E402 (after the skip)


def _plain(
    name: str, vectors: np.ndarray, labels: np.ndarray, classes: np.ndarray, margin: float, scale: float
) -> float:
    """Softmax over cosines, the right one lowered as the paper says."""
    v = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    w = classes / np.linalg.norm(classes, axis=0, keepdims=True)
    cosines, rows = v @ w, np.arange(len(v))
    right = cosines[rows, labels]
    turns = np.floor(np.arccos(right) * margin / np.pi)
    lowered = {
        "cosface": right - margin,
        "arcface": np.cos(np.arccos(right) + margin),
        "sphereface": (-1) ** turns * np.cos(margin * np.arccos(right)) - 2 * turns,
        "softmax": right,
    }[name]
    cosines[rows, labels] = lowered
    logits = scale * cosines
    return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[rows, labels]))


@pytest.mark.parametrize(
    ("name", "margin"), [("cosface", 0.2), ("arcface", 0.2), ("sphereface", 2), ("sphereface", 3), ("softmax", 0)]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_class_losses_equal_their_formula(name: str, margin: float, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    vectors, labels = torch.nn.functional.normalize(torch.randn(7, 5, dtype=dtype)), torch.tensor([0, 1, 2, 3, 0, 1, 2])
    loss = class_loss(name, classes=4, dimension=5, margin=margin, scale=10).to(dtype)
    expected = _plain(name, vectors.numpy(), labels.numpy(), loss.W.detach().numpy(), margin, 10)
    assert float(loss(vectors, labels).detach()) == pytest.approx(expected, rel=1e-4)


def test_class_logits_are_scaled_cosines() -> None:
    vectors = torch.nn.functional.normalize(torch.randn(3, 5))
    loss = class_loss("cosface", classes=4, dimension=5, margin=0.2, scale=10)
    classes = loss.W.detach().numpy()
    expected = 10 * vectors.numpy() @ (classes / np.linalg.norm(classes, axis=0))
    np.testing.assert_allclose(class_logits(loss, vectors, 10).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


UNIT = np.random.default_rng(3).normal(size=(6, 4))
UNIT /= np.linalg.norm(UNIT, axis=1, keepdims=True)
CLASSES = np.array([0, 0, 1, 1, 1, 2])
DISTANCE = np.linalg.norm(UNIT[:, None] - UNIT[None], axis=2)
POSITIVE = [(i, j) for i in range(6) for j in range(6) if i != j and CLASSES[i] == CLASSES[j]]
NEGATIVE = [(i, j) for i in range(6) for j in range(6) if CLASSES[i] != CLASSES[j]]


def _mean_above_zero(values: list[float]) -> float:
    above = [value for value in values if value > 0]
    return float(np.mean(above)) if above else 0.0


def _contrastive() -> float:
    apart = _mean_above_zero([max(0.0, 1 - DISTANCE[pair]) for pair in NEGATIVE])
    return _mean_above_zero([DISTANCE[pair] for pair in POSITIVE]) + apart


def _triplet() -> float:
    triplets = [(a, p, n) for a, p in POSITIVE for b, n in NEGATIVE if b == a]
    return _mean_above_zero([max(0.0, DISTANCE[a, p] - DISTANCE[a, n] + 0.1) for a, p, n in triplets])


def _lifted_structure() -> float:
    losses = []
    for i, j in POSITIVE:
        near = [np.exp(1 - DISTANCE[pair]) for pair in NEGATIVE if pair[0] in (i, j)]
        losses.append(max(0.0, np.log(sum(near)) + DISTANCE[i, j]) ** 2 / 2)
    return float(np.mean(losses))


@pytest.mark.parametrize(
    ("name", "plain"), [("contrastive", _contrastive), ("triplet", _triplet), ("lifted_structure", _lifted_structure)]
)
def test_pair_losses_equal_their_formula(name: str, plain: Callable[[], float]) -> None:
    got = float(pair_loss(name)(torch.from_numpy(UNIT), torch.from_numpy(CLASSES)))
    assert got == pytest.approx(plain(), rel=1e-5)


@pytest.mark.parametrize("name", ["contrastive", "triplet", "lifted_structure", "supcon", "multi_similarity"])
def test_pair_losses_prefer_equal_labels_together(name: str) -> None:
    loss, labels = pair_loss(name), torch.tensor([0, 0, 1, 1])
    near = torch.tensor([[1.0, 0], [0.99, 0.1], [0, 1.0], [0.1, 0.99]])
    crossed = near[[0, 2, 1, 3]]
    unit = torch.nn.functional.normalize
    assert float(loss(unit(near), labels)) < float(loss(unit(crossed), labels))


def test_no_pair_loss_is_an_option() -> None:
    assert pair_loss("none") is None
