"""Labels of the auxiliary tasks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from torch import Tensor

from whatsit.evaluation.datasets.grocery import GroceryClass
from whatsit.training.embedder.mixture import Ingredient
from whatsit.training.embedder.picture_sources import PictureSource, ShopSource
from whatsit.training.embedder.pseudo_labels import UNKNOWN
from whatsit.training.embedder.rendered_source import RenderedSource

TaskName = Literal["category", "department", "viewpoint", "cluster"]

VIEWPOINTS = ("photo", "shop image", "drawing")


class TaskLabels:
    """Task labels beside the product: category, department and viewpoint.

    Args:
        names: the tasks: "category" (the data set's coarse class, for instance Apple), "department" (Fruit, Vegetables
            or Packages), "viewpoint" (one of VIEWPOINTS), "cluster" (a pseudo-label of each picture). The first two are
            known of groceries alone.
        groceries: the products; their labels are the first of the mixture.
        clusters: number of pseudo-labels.

    Attributes:
        classes: number of classes of each task.
    """

    def __init__(self, names: Sequence[TaskName], groceries: Sequence[GroceryClass], clusters: int = 0) -> None:
        self.names = tuple(names)
        tables = {"category": [c.coarse for c in groceries], "department": [c.department for c in groceries]}
        self._of_product = {task: _numbered(values) for task, values in tables.items()}
        counts = {"viewpoint": len(VIEWPOINTS), "cluster": clusters}
        counts |= {task: int(numbers.max()) + 1 for task, numbers in self._of_product.items() if task in names}
        self.classes: dict[str, int] = {name: counts[name] for name in names}

    def of(self, labels: Tensor, viewpoints: Tensor, clusters: Tensor | None = None) -> Tensor:
        """Return the task labels of a batch, int64 [tasks, n]; UNKNOWN where unknown."""
        rows = []
        for name in self.names:
            if name == "viewpoint":
                rows.append(viewpoints.to(labels.device))
            elif name == "cluster":
                rows.append(torch.full_like(labels, UNKNOWN) if clusters is None else clusters.to(labels.device))
            else:
                table = self._of_product[name].to(labels.device)
                of_known = table[labels.clamp(max=len(table) - 1)]
                rows.append(torch.where(labels < len(table), of_known, torch.full_like(labels, UNKNOWN)))
        return torch.stack(rows)


def viewpoint_of(source: PictureSource) -> int:
    """Return the place in VIEWPOINTS of what a source shows."""
    if isinstance(source, RenderedSource):
        return 2
    return 1 if isinstance(source, ShopSource) else 0


def viewpoints_of_batch(ingredients: Iterable[Ingredient], pictures: Iterable[int]) -> Tensor:
    """Return the viewpoint of each position in a mixture's batch, int64 [n]."""
    parts = zip(ingredients, pictures, strict=True)
    return torch.cat([torch.full((count * i.views,), viewpoint_of(i.source)) for i, count in parts])


def _numbered(values: Sequence[str]) -> Tensor:
    names = {name: number for number, name in enumerate(sorted(set(values)))}
    return torch.tensor([names[value] for value in values])
