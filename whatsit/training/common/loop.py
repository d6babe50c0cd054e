"""Training loop of every network: a task gives data and loss, `fit` the rest.

    outcome = fit(task, recipe, Path("build/runs/embedder"), resume=False, max_minutes=30)

`fit` writes into `out`: `metrics.csv` (a row per validation) and its curves `metrics.png`, `last.pt` (everything, for
--resume), `best.pt` (the averaged weights of the best validation under "module", for the export).
"""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from rich.console import Console
from torch import Tensor, nn
from whatsit_client.errors import Damaged, InvalidInput

from whatsit.training.common import run_checkpoint as checkpoint
from whatsit.training.common.curves import draw_curves
from whatsit.training.common.device import autocast, choose_device, move
from whatsit.training.common.ema import ExponentialMovingAverage
from whatsit.training.common.interrupt import StopRequest
from whatsit.training.common.progress import EpochProgress
from whatsit.training.common.training_recipe import TrainingRecipe, renamed

Batch = TypeVar("Batch")


class Task(Protocol[Batch]):
    """Data, loss and validation of one network, as `fit` needs them."""

    module: nn.Module
    """All that is learnt (network and, for instance, class weights of the loss); its state dict is the checkpoint."""
    steps_per_epoch: int

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return AdamW's parameter groups: "params", peak "lr", perhaps "weight_decay"."""

    def batches(self, epoch: int, start: int) -> Iterable[Batch]:
        """Yield the batches of an epoch from `start` on, as (nested) CPU tensors.

        The same epoch must give the same batches whatever came before: draw from a generator seeded by (seed, epoch,
        step). That is what makes a resumed run equal to an uninterrupted one.
        """

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Return the scalar to minimise and the parts of it to log.

        `batch` is on the device, images channels-last.
        """

    def validate(self) -> dict[str, float]:
        """Return the validation metrics of `self.module`.

        `fit` has put the averaged weights in, evaluation mode on and gradients off.
        """


@dataclass
class Outcome:
    """Result of a run: finished, or stopped on request and open to `--resume`."""

    finished: bool
    history: list[dict[str, float]]
    best: dict[str, float]


@dataclass
class _State:
    """State of a run beside weights and optimiser, kept for `--resume`."""

    epoch: int = 0
    step: int = 0  # within the epoch
    seconds: float = 0.0
    finished: bool = False
    stale: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, float] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)  # of the epoch's losses so far


_CURVES_EVERY = 30.0
"""Seconds between two drawings of the curves: half a second each would slow short epochs down."""

# What may differ when a run goes on: nothing that the steps already made depend on.
_FREE_ON_RESUME = frozenset(
    {"epochs", "patience", "checkpoint_minutes", "device", "precision", "validate_every", "start"}
)


def fit(
    task: Task[Batch],
    recipe: TrainingRecipe,
    out: Path,
    *,
    resume: bool = False,
    max_minutes: float | None = None,
    max_steps: int | None = None,
    console: Console | None = None,
) -> Outcome:
    """Train `task` by `recipe`, or go on where `out` left off.

    Args:
        max_minutes: a budget of training time, earlier parts of a resumed run included; the schedule ends in it.
        max_steps: the same in optimiser steps, for runs that are compared on a shared machine.
        console: where progress goes; stderr by default.

    Raises:
        InvalidInput: `out` holds a run and `resume` is off, or `resume` is on and it holds none or another recipe's.
        Damaged: the loss is no longer a finite number, or the checkpoint is cut off.
    """
    if not resume and (out / checkpoint.LAST).exists():
        raise InvalidInput(f"{out} holds a run already: add --resume to go on with it, or choose another --out.")
    out.mkdir(parents=True, exist_ok=True)
    run = _Run(task, recipe, out, (max_minutes, max_steps), console or Console(stderr=True))
    if resume:
        run.restore()
    with StopRequest() as stop:
        return run.train(stop)


class _Run(Generic[Batch]):
    def __init__(
        self,
        task: Task[Batch],
        recipe: TrainingRecipe,
        out: Path,
        budget: tuple[float | None, int | None],
        console: Console,
    ) -> None:
        self.task, self.recipe, self.out, self.console = task, recipe, out, console
        self.max_minutes, self.max_steps = budget
        self.device = choose_device(recipe.device)
        torch.manual_seed(recipe.seed)
        task.module.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # known to torch, not its stubs
        groups = [{"weight_decay": recipe.weight_decay, **group} for group in task.parameter_groups()]
        self.optimizer = torch.optim.AdamW(groups)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.average = ExponentialMovingAverage(task.module, recipe.ema_decay)
        self.state = _State()
        self.saved = self.drawn = time.monotonic()

    def train(self, stop: StopRequest) -> Outcome:
        while not self.state.finished and not stop:
            self._epoch(stop)
        self._save()
        self._draw()
        if not self.state.finished:
            self.console.print(f"Stopped and saved in {self.out}. The same command with --resume goes on from here.")
        return Outcome(self.state.finished, self.state.history, self.state.best)

    def _epoch(self, stop: StopRequest) -> None:
        state = self.state
        started = time.monotonic() - state.seconds
        self.task.module.train()
        with EpochProgress(self.console, state.epoch, self.task.steps_per_epoch, state.step) as progress:
            for batch in self.task.batches(state.epoch, state.step):
                rate = self._set_rate()
                for name, value in self._step(batch).items():
                    state.sums[name] = state.sums.get(name, 0.0) + value
                state.step += 1
                state.seconds = time.monotonic() - started
                progress.advance(self._means(), rate)
                if time.monotonic() - self.saved > 60 * self.recipe.checkpoint_minutes:
                    self._save()
                if stop or self._progress() >= 1:
                    break
        if state.step < self.task.steps_per_epoch and self._progress() < 1:
            if not stop:
                raise Damaged(f"Epoch {state.epoch} gave fewer batches than it promised; look at the data folder.")
            return
        trained = {f"train_{name}": mean for name, mean in self._means().items()}
        state.epoch, state.step, state.sums = state.epoch + 1, 0, {}
        over = self._progress() >= 1
        if over or state.epoch % self.recipe.validate_every == 0:
            self._validate(trained)
            state.seconds = time.monotonic() - started
        impatient = bool(self.recipe.patience) and state.stale >= self.recipe.patience
        state.finished = over or impatient or self._progress() >= 1
        self._save()

    def _step(self, batch: Batch) -> dict[str, float]:
        with autocast(self.device, self.recipe.precision):
            loss, shown = self.task.loss(move(batch, self.device))
        if not math.isfinite(loss.item()):
            raise Damaged(
                f"The loss became {loss.item()} in epoch {self.state.epoch}, step {self.state.step}: "
                "lower the learning rates of the recipe and train again."
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(self.task.module.parameters(), self.recipe.clip_norm)
        self.optimizer.step()
        self.average.update(self.task.module)
        return {"loss": loss.item(), **shown}

    def _means(self) -> dict[str, float]:
        return {name: total / max(self.state.step, 1) for name, total in self.state.sums.items()}

    def _progress(self) -> float:
        """Return the finished share of the run, 0..1.

        By steps or by a budget, whichever is further.
        """
        state = self.state
        done = state.epoch * self.task.steps_per_epoch + state.step
        steps = done / min(self.recipe.epochs * self.task.steps_per_epoch, self.max_steps or math.inf)
        return max(steps, state.seconds / (60 * self.max_minutes) if self.max_minutes else 0.0)

    def _set_rate(self) -> float:
        """Warm up linearly, then fall along a cosine; returns the first group's rate."""
        done = self.state.epoch * self.task.steps_per_epoch + self.state.step
        warm = min(1.0, (done + 1) / (self.recipe.warmup_steps + 1))
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, self._progress())))
        share = warm * (self.recipe.final_rate + (1 - self.recipe.final_rate) * cosine)
        for group, peak in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = peak * share
        return float(self.rates[0] * share)

    def _validate(self, trained: dict[str, float]) -> None:
        module, state = self.task.module, self.state
        with self.average.applied(module), torch.no_grad():
            module.eval()
            measured = self.task.validate()
            row = {"epoch": float(state.epoch), "minutes": round(state.seconds / 60, 3), **trained, **measured}
            state.history.append(row)
            monitor = self.recipe.monitor
            if monitor is not None and monitor not in measured:
                raise InvalidInput(f"The recipe monitors '{monitor}', but validation gives {', '.join(measured)}.")
            better = monitor is None or not state.best or measured[monitor] > state.best[monitor]
            state.stale = 0 if better else state.stale + 1
            if better:
                state.best = row
                content = {"module": module.state_dict(), "metrics": row, "recipe": self.recipe.model_dump(mode="json")}
                checkpoint.save(self.out / checkpoint.BEST, content)
        module.train()
        shown = "  ".join(f"{name} {value:.4g}" for name, value in row.items() if name not in {"epoch", "minutes"})
        self.console.print(f"epoch {state.epoch}  {row['minutes']:.1f} min  {shown}{'  (best)' if better else ''}")
        self._write_metrics()

    def _write_metrics(self) -> None:
        columns = list(dict.fromkeys(name for row in self.state.history for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.state.history)
        (self.out / "metrics.csv").write_text(text.getvalue(), encoding="utf-8")
        if time.monotonic() - self.drawn > _CURVES_EVERY:
            self._draw()

    def _draw(self) -> None:
        if self.state.history:
            draw_curves(self.state.history, self.state.best, self.recipe.monitor, self.out / "metrics.png")
        self.drawn = time.monotonic()

    def _save(self) -> None:
        content = {
            "module": self.task.module.state_dict(),
            "average": self.average.state,
            "optimizer": self.optimizer.state_dict(),
            "state": vars(self.state),
            "recipe": self.recipe.model_dump(mode="json"),
            "rng": torch.get_rng_state(),
        }
        checkpoint.save(self.out / checkpoint.LAST, content)
        self.saved = time.monotonic()

    def restore(self) -> None:
        saved = checkpoint.load(self.out / checkpoint.LAST)
        # A field that came after the run counts as its default: what the run did without it.
        asked, before = self.recipe.model_dump(mode="json"), {**_defaults(self.recipe), **renamed(saved["recipe"])}
        changed = [name for name in asked if name not in _FREE_ON_RESUME and before.get(name) != asked[name]]
        if changed:
            raise InvalidInput(
                f"The run in {self.out} was started with another {', '.join(changed)}: "
                "restore the recipe, or start anew with another --out."
            )
        try:
            self.task.module.load_state_dict(saved["module"])
            self.average.state = saved["average"]
            self.optimizer.load_state_dict(saved["optimizer"])
        except (RuntimeError, ValueError) as error:
            raise Damaged(f"The run in {self.out} is of another network: start anew with another --out.") from error
        self.state = _State(**renamed(saved["state"]))
        self.state.finished &= self.recipe.epochs <= before["epochs"]
        torch.set_rng_state(saved["rng"])


def _defaults(recipe: TrainingRecipe) -> dict[str, Any]:
    fields = {name: f for name, f in type(recipe).model_fields.items() if not f.is_required()}
    plain = recipe.model_copy(update={name: f.get_default(call_default_factory=True) for name, f in fields.items()})
    return plain.model_dump(mode="json", include=set(fields))
