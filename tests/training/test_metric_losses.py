from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.training.metric_losses import class_loss, pair_loss  # noqa: E402 (after the skip)


def _plain(
    name: str, vectors: np.ndarray, labels: np.ndarray, classes: np.ndarray, margin: float, scale: float
) -> float:
    """Softmax over cosines, the right one lowered as the paper says."""
    v = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    w = classes / np.linalg.norm(classes, axis=0, keepdims=True)
    cosines, rows = v @ w, np.arange(len(v))
    right = cosines[rows, labels]
    lowered = {"cosface": right - margin, "arcface": np.cos(np.arccos(right) + margin), "softmax": right}[name]
    cosines[rows, labels] = lowered
    logits = scale * cosines
    return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[rows, labels]))


@pytest.mark.parametrize("name", ["cosface", "arcface", "softmax"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_class_losses_equal_their_formula(name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    vectors, labels = torch.nn.functional.normalize(torch.randn(7, 5, dtype=dtype)), torch.tensor([0, 1, 2, 3, 0, 1, 2])
    loss = class_loss(name, classes=4, dimension=5, margin=0.2, scale=10).to(dtype)
    expected = _plain(name, vectors.numpy(), labels.numpy(), loss.W.detach().numpy(), 0.2, 10)
    assert float(loss(vectors, labels).detach()) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["supcon", "triplet", "multi_similarity"])
def test_pair_losses_prefer_equal_labels_together(name: str) -> None:
    loss, labels = pair_loss(name), torch.tensor([0, 0, 1, 1])
    near = torch.tensor([[1.0, 0], [0.99, 0.1], [0, 1.0], [0.1, 0.99]])
    crossed = near[[0, 2, 1, 3]]
    unit = torch.nn.functional.normalize
    assert float(loss(unit(near), labels)) < float(loss(unit(crossed), labels))


def test_no_pair_loss_is_an_option() -> None:
    assert pair_loss("none") is None
