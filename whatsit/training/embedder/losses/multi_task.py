"""Multi-task heads (Caruana 1997) on the features below the embedding.

The heads exist in training alone; the network that is exported does not change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from whatsit.training.embedder.losses.trend_weights import TrendWeights
from whatsit.training.embedder.pseudo_labels import UNKNOWN

TaskWeighting = Literal["equal", "trend"]


class MultiTask(nn.Module):
    """A linear head for each task, and the tasks' weights.

    Args:
        classes: number of classes of each task.
        inputs: length of the features.
        weighting: "equal", or "trend" of the validation losses (see `TrendWeights`).
        every: steps from one look at the validation losses to the next.
        held_out: returns the validation losses' features f32 [m, inputs] and task labels int64 [tasks, m].
    """

    def __init__(
        self,
        classes: Mapping[str, int],
        inputs: int,
        weighting: TaskWeighting,
        every: int,
        held_out: Callable[[], tuple[Tensor, Tensor]],
    ) -> None:
        super().__init__()
        self.heads = nn.ModuleDict({name: nn.Linear(inputs, count) for name, count in classes.items()})
        self.trend = TrendWeights(len(classes), every) if weighting == "trend" else None
        self._held_out = held_out

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return the weighted mean of the tasks' losses and count a training step.

        Args:
            features: f32 [n, inputs].
            labels: int64 [tasks, n], UNKNOWN where a task has none.
        """
        losses = self.losses(features, labels)
        if self.trend is None:
            return losses.mean()
        loss = (self.trend.weights.clone() * losses).mean()  # `update` changes the weights before the backward pass
        if self.trend.step():
            with torch.no_grad():
                self.trend.update(self.losses(*self._held_out()))
        return loss

    def losses(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return the mean cross-entropy of each task over known labels, f32 [tasks]."""
        rows = zip(self.heads.values(), labels, strict=True)
        return torch.stack([_known_mean(head(features), row) for head, row in rows])


def _known_mean(logits: Tensor, labels: Tensor) -> Tensor:
    total = F.cross_entropy(logits.float(), labels, ignore_index=UNKNOWN, reduction="sum")
    return total / (labels != UNKNOWN).sum().clamp(min=1)
