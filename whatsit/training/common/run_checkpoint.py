"""Checkpoints on disk: written atomically, read with a clear refusal."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from whatsit_client.errors import Damaged, InvalidInput

LAST, BEST = "last.pt", "best.pt"


def save(path: Path, content: Mapping[str, Any]) -> None:
    """Write a checkpoint atomically: `path` never holds half of one."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        torch.save(dict(content), file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU.

    Raises:
        InvalidInput: there is none.
        Damaged: the file is cut off or not a checkpoint.
    """
    if not path.is_file():
        raise InvalidInput(f"There is no checkpoint {path}: run `whatsit train` first or correct --out.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise Damaged(f"The checkpoint {path} cannot be read: delete its folder and train again.") from error
    if not isinstance(content, dict) or "module" not in content:
        raise Damaged(f"The file {path} is not a checkpoint of `whatsit train`: delete its folder and train again.")
    return content


def best_weights(out: Path) -> dict[str, Tensor]:
    """Return the weights of the best validation from a run's folder."""
    weights: dict[str, Tensor] = load(out / BEST)["module"]
    return weights
