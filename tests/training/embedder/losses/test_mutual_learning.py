from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402 (after the skip)

from whatsit.training.embedder.losses.metric_losses import class_logits, class_loss  # noqa: E402
from whatsit.training.embedder.losses.mutual_learning import MutualLearning, divergence  # noqa: E402


def softmax(logits: np.ndarray) -> np.ndarray:
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


def plain_divergence(own: np.ndarray, other: np.ndarray) -> float:
    p, q = softmax(other), softmax(own)
    return float((p * (np.log(p) - np.log(q))).sum(axis=1).mean())


RNG = np.random.default_rng(0)
OWN, OTHER = (torch.from_numpy(RNG.normal(size=(6, 4))).requires_grad_() for _ in range(2))


def test_divergence_is_that_of_the_others_posterior_from_the_own() -> None:
    expected = plain_divergence(OWN.detach().numpy(), OTHER.detach().numpy())
    assert float(divergence(OWN, OTHER)) == pytest.approx(expected)
    assert float(divergence(OWN, OWN)) == pytest.approx(0)


def test_no_gradient_crosses_over() -> None:
    own, other = torch.autograd.grad(divergence(OWN, OTHER), [OWN, OTHER], allow_unused=True)
    assert own.abs().sum() > 0
    assert other is None


class Unit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(12, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.normalize(self.linear(images.flatten(1)))


def test_each_network_learns_from_labels_and_from_the_other() -> None:
    torch.manual_seed(0)
    network, criterion = Unit(), class_loss("softmax", 4, 5, 0.0, 10.0)
    images, labels = torch.randn(6, 3, 2, 2), torch.tensor([0, 1, 2, 3, 0, 1])
    small = torch.randn(6, 4, requires_grad=True)
    of_large, of_small = MutualLearning(network, criterion, 10.0)(images, labels, small)
    logits = class_logits(criterion, network(images), 10.0).detach().numpy()
    posterior = np.log(softmax(logits))[np.arange(6), labels.numpy()]
    crossed = plain_divergence(logits, small.detach().numpy())
    assert float(of_large) == pytest.approx(-posterior.mean() + crossed, rel=1e-4)
    assert float(of_small) == pytest.approx(plain_divergence(small.detach().numpy(), logits), rel=1e-4)
