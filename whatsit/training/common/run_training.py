"""A training run: seed and thread counts, the loop, and weight interpolation."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar

import cv2
import torch
from rich.console import Console
from torch import Tensor

from whatsit.training.common.loop import Outcome, Task, fit
from whatsit.training.common.training_recipe import TrainingRecipe
from whatsit.training.common.wise_ft import apply_wise_ft

if TYPE_CHECKING:
    from typing_extensions import Unpack

Batch = TypeVar("Batch")


class RunOptions(TypedDict, total=False):
    """Options of a training run beside its recipe.

    Attributes:
        resume: continue the run in the folder.
        max_minutes: budget of training time; the preparation of data does not count.
        max_steps: budget of optimiser steps.
        threads: CPU threads of torch; None for torch's own choice.
        console: where progress goes; None for standard error.
    """

    resume: bool
    max_minutes: float | None
    max_steps: int | None
    threads: int | None
    console: Console | None


def prepare(seed: int, **options: Unpack[RunOptions]) -> Console:
    """Seed torch, give OpenCV one core and torch the rest, return the console."""
    cv2.setNumThreads(1)
    if threads := options.get("threads"):
        torch.set_num_threads(threads)
    torch.manual_seed(seed)
    return options.get("console") or Console(file=sys.stderr)


def run_training(
    task: Task[Batch],
    recipe: TrainingRecipe,
    out: Path,
    blend: float | None = None,
    initial: Callable[[], Mapping[str, Tensor]] = dict,
    **options: Unpack[RunOptions],
) -> Outcome:
    """Train a task, then interpolate its weights with the initial ones.

    Args:
        task: built after `prepare`.
        recipe: of the run; checkpoints hold it.
        out: the run's folder; `out/best.pt` then holds the network to build.
        blend: share of the trained weights in the interpolation, 0..1; None for no interpolation.
        initial: returns the state dict before training.
        options: of the run.

    Raises:
        InvalidInput: `out` does not fit `resume`.
    """
    console = options.get("console") or Console(file=sys.stderr)
    resume, max_minutes, max_steps = options.get("resume", False), options.get("max_minutes"), options.get("max_steps")
    outcome = fit(task, recipe, out, resume=resume, max_minutes=max_minutes, max_steps=max_steps, console=console)
    if outcome.finished and blend is not None:
        apply_wise_ft(out, initial(), blend)
    return outcome
