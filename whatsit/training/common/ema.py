"""Exponential moving average (EMA) of the trained weights.

`torch.optim.swa_utils.AveragedModel` copies the whole module, frozen layers and what a loss holds of its task included,
and replaces the initial weights at its first update; here the average begins with them and holds trained weights alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class ExponentialMovingAverage:
    """Exponential moving average of the trained parameters; others are not averaged.

    The decay is warmed up (Tarvainen & Valpola 2017 use the same ramp), so that short runs are not held at their start.

    Args:
        decay: share of the old average per step, 0 <= decay < 1; 0 keeps no average.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        trained = {name: p.detach().clone() for name, p in module.named_parameters() if p.requires_grad}
        self.state: dict[str, Tensor] = {**(trained if decay else {}), "steps": torch.zeros((), dtype=torch.int64)}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Take one training step into the average."""
        self.state["steps"] += 1
        steps = int(self.state["steps"])
        weight = 1 - min(self.decay, (1 + steps) / (10 + steps))
        for name, parameter in module.named_parameters():
            if name in self.state:
                self.state[name] = self.state[name].to(parameter.device).lerp_(parameter, weight)

    @contextmanager
    def applied(self, module: nn.Module) -> Iterator[None]:
        """Put the average into the module for the length of the block."""
        parameters = {name: p for name, p in module.named_parameters() if name in self.state}
        kept = {name: p.detach().clone() for name, p in parameters.items()}
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(self.state[name])
        try:
            yield
        finally:
            with torch.no_grad():
                for name, parameter in parameters.items():
                    parameter.copy_(kept[name])
