"""Seed and thread counts of a run."""

from __future__ import annotations

import sys

import cv2
import torch
from rich.console import Console


def prepare(seed: int, threads: int | None, console: Console | None) -> Console:
    """Fix the seed and share the cores out: OpenCV one, torch the rest.

    Args:
        seed: of torch.
        threads: CPU threads of torch; None for torch's own choice.
        console: where progress goes; None for standard error.

    Returns:
        The console.
    """
    cv2.setNumThreads(1)
    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(seed)
    return console or Console(file=sys.stderr)
