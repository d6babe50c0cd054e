"""Similarities of teachers: features kept on disk, and the loss that distils them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from rich.console import Console

from whatsit.training.embedder import teachers as module
from whatsit.training.embedder.losses.similarity_distillation import similarity_distillation
from whatsit.training.embedder.mixture import Ingredient, Mixture
from whatsit.training.embedder.teachers import Teachers


class Plain:
    """A source of pictures of one value each."""

    def __init__(self, values: list[int]) -> None:
        self.values, self.classes, self.labels = values, len(values), np.arange(len(values))

    def plain(self, index: int, size: int) -> Any:
        """Return the picture."""
        return np.full((3, size, size), self.values[index], np.uint8)

    def view(self, index: int, size: int, rng: np.random.Generator) -> Any:
        """Return the picture."""
        return self.plain(index, size)


@pytest.fixture
def ingredients() -> list[Ingredient]:
    """Return two sources of three and two pictures, the second with two views."""
    return [Ingredient(Plain([0, 100, 200]), 0.5), Ingredient(Plain([50, 250]), 0.5, 2, 3)]


def test_features_of_a_batch_are_those_of_its_pictures(
    ingredients: list[Ingredient], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each view gets the features of its picture; a second run reads them from the disk."""
    calls = []

    def opened(name: str, weights: Path) -> Any:
        calls.append(name)
        return lambda images: torch.stack([images.mean((1, 2, 3)), images.mean((1, 2, 3)) ** 2], 1)

    monkeypatch.setattr(module, "_open", opened)
    console = Console(file=(tmp_path / "log").open("w"))
    mixture = Mixture(ingredients, 4, 8, seed=1)
    first = Teachers(["mobilenet_v2"], ingredients, tmp_path, tmp_path / "kept", console)
    again = Teachers(["mobilenet_v2"], ingredients, tmp_path, tmp_path / "kept", console)
    assert calls == ["mobilenet_v2"]
    views, labels = mixture.batch(0)
    places = mixture.places(0)
    assert [ingredients[k].first_label + i for k, i in places] == labels.tolist()
    values = [ingredients[k].source.values[i] for k, i in places]  # type: ignore[attr-defined]
    assert values == views[:, 0, 0, 0].tolist()
    features = first.of(places)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(len(places)))
    assert torch.equal(features, again.of(places))
    assert torch.equal(features[2], features[3])  # both views of one picture


def test_the_loss_is_zero_where_the_student_has_the_teachers_order() -> None:
    """It is 0 for equal similarities, whatever the vectors, and falls by gradient steps."""
    torch.manual_seed(0)
    teacher = F.normalize(torch.randn(6, 10))
    turned = teacher @ torch.linalg.qr(torch.randn(10, 10))[0]
    assert float(similarity_distillation(turned, teacher)) == pytest.approx(0, abs=1e-5)
    student = torch.randn(6, 4, requires_grad=True)
    before = similarity_distillation(F.normalize(student), teacher)
    before.backward()
    after = similarity_distillation(F.normalize(student - 0.05 * student.grad), teacher)  # type: ignore[operator]
    assert 0 < float(after.detach()) < float(before.detach())
