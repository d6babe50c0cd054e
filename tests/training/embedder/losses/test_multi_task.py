from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.evaluation.datasets.grocery import GroceryClass  # noqa: E402 (after the skip)
from whatsit.training.embedder.losses.multi_task import MultiTask  # noqa: E402
from whatsit.training.embedder.mixture import Ingredient  # noqa: E402
from whatsit.training.embedder.picture_sources import PhotoSource, ShopSource  # noqa: E402
from whatsit.training.embedder.rendered_source import RenderedSource  # noqa: E402
from whatsit.training.embedder.task_labels import TaskLabels, viewpoints_of_batch  # noqa: E402

GROCERIES = [
    GroceryClass(label, name, coarse, department, Path(), "")
    for label, (name, coarse, department) in enumerate(
        [("Gala", "Apple", "Fruit"), ("Pink", "Apple", "Fruit"), ("Oat", "Milk", "Packages"), ("Leek", "Leek", "Veg")]
    )
]
FEATURES = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([[0, 1, -1, 2, -1], [-1, -1, -1, -1, -1]])


def no_look() -> tuple[torch.Tensor, torch.Tensor]:
    raise AssertionError("equal weights need no validation")


def test_labels_of_tasks_are_read_off_the_product_and_the_source() -> None:
    tasks = TaskLabels(("category", "department", "viewpoint"), GROCERIES)
    assert tasks.classes == {"category": 3, "department": 3, "viewpoint": 3}
    rows = tasks.of(torch.tensor([0, 1, 2, 3, 9]), torch.tensor([0, 0, 1, 0, 2])).tolist()
    assert rows == [[0, 0, 2, 1, -1], [0, 0, 1, 2, -1], [0, 0, 1, 0, 2]]


def test_viewpoints_stand_where_the_mixture_puts_their_source() -> None:
    sources = [PhotoSource([]), ShopSource([]), RenderedSource(2, 1000)]
    mixed = [Ingredient(source, 0.3, views) for source, views in zip(sources, (1, 1, 2), strict=True)]
    assert viewpoints_of_batch(mixed, [2, 1, 2]).tolist() == [0, 0, 1, 2, 2, 2, 2]


def test_losses_are_cross_entropies_over_what_is_known() -> None:
    module = MultiTask({"category": 3, "department": 2}, 6, "equal", 1, no_look)
    weight, bias = (p.detach().numpy() for p in module.heads["category"].parameters())
    logits = FEATURES.numpy() @ weight.T + bias
    log = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -np.mean([log[0, 0], log[1, 1], log[3, 2]])
    losses = module.losses(FEATURES, LABELS)
    assert losses.tolist() == pytest.approx([expected, 0.0], rel=1e-5)
    assert float(module(FEATURES, LABELS)) == pytest.approx(expected / 2, rel=1e-5)


def test_weights_follow_the_validation_and_scale_the_losses() -> None:
    looks = iter([0.0, 3.0])
    module = MultiTask({"a": 3, "b": 3}, 6, "trend", 1, lambda: (FEATURES + next(looks), LABELS.clamp(min=0)))
    first, second = (module.losses(FEATURES + shift, LABELS.clamp(min=0)).detach() for shift in (0.0, 3.0))
    module(FEATURES, LABELS), module(FEATURES, LABELS)
    moved = (second - first).abs()
    torch.testing.assert_close(module.trend.weights, moved / moved.mean())
    losses = module.losses(FEATURES, LABELS)
    module.trend.every = 100
    assert float(module(FEATURES, LABELS)) == pytest.approx(float((module.trend.weights * losses).mean()), rel=1e-5)
