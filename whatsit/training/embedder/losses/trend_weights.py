"""Task weights by the trend of validation losses (He et al. 2017).

"Adaptively Weighted Multi-task Deep Network for Person Attribute Classification": at fixed intervals, with the mean
validation loss v of each task now and u one interval before,

    trend = |v - u| / v,   weight = trend / mean(trend) * v / mean(v),   then divided by its mean.

The v cancels: a task weighs as much as its loss has moved in the interval. One that stands still no longer counts.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TrendWeights(nn.Module):
    """Task weights, all 1 until two intervals have been measured.

    The state is in buffers, so checkpoints carry it.

    Args:
        tasks: how many.
        every: steps in an interval.
    """

    weights: Tensor
    previous: Tensor
    steps: Tensor

    def __init__(self, tasks: int, every: int) -> None:
        super().__init__()
        self.every = every
        self.register_buffer("weights", torch.ones(tasks))
        self.register_buffer("previous", torch.zeros(tasks))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def step(self) -> bool:
        """Count a training step and return whether `update` is due."""
        self.steps += 1
        return int(self.steps) % self.every == 0

    @torch.no_grad()
    def update(self, losses: Tensor) -> None:
        """Take in the validation loss of each task, f32 [tasks]."""
        moved = (losses - self.previous).abs()
        if int(self.steps) > self.every and float(moved.sum()) > 0:
            self.weights.copy_(moved / moved.mean())
        self.previous.copy_(losses)
