"""Reads and writes committed checkpoints: weights, recipe and metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged, InvalidInput

SUFFIX = ".safetensors"
_KEY = "whatsit"
_HALF_MAX = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Checkpoint:
    """Weights of a network with their training recipe and metrics.

    Args:
        engine: embedder, detector or classifier.
        weights: arrays by the names of the torch state dict, without training-only modules.
        recipe: the training recipe as a dict, defaults included.
        metrics: validation metrics of the chosen epoch; may be empty.
    """

    engine: str
    weights: Mapping[str, npt.NDArray[np.generic]]
    recipe: Mapping[str, Any]
    metrics: Mapping[str, float]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write float16 weights, with recipe and metrics as metadata, as safetensors.

    Only arrays of two or more dimensions become float16: biases and batch-norm statistics are small, and their ranges
    exceed float16. The same content gives the same bytes: one metadata key contains sorted JSON, because the library
    writes several keys in any order.
    """
    from safetensors.numpy import save

    arrays = {name: _stored(np.asarray(array)) for name, array in sorted(checkpoint.weights.items())}
    about = {"engine": checkpoint.engine, "recipe": dict(checkpoint.recipe), "metrics": dict(checkpoint.metrics)}
    text = json.dumps(about, sort_keys=True, ensure_ascii=False, default=str)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(save(arrays, metadata={_KEY: text}))
    part.replace(path)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a file of `write_checkpoint`; float16 arrays are returned as float32.

    Raises:
        InvalidInput: there is no such file.
        Damaged: the file is truncated, or no checkpoint of Whatsit.
    """
    from safetensors import safe_open

    if not path.is_file():
        raise InvalidInput(f"There is no checkpoint {path}: pass --checkpoint with the best.pt of `whatsit train`.")
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads(file.metadata()[_KEY])
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
        arrays = {n: array.astype(np.float32) if array.dtype == np.float16 else array for n, array in stored.items()}
        return Checkpoint(str(about["engine"]), arrays, about["recipe"], about["metrics"])
    except Exception as error:  # safetensors and json raise types of their own
        raise Damaged(f"{path} is not a checkpoint of Whatsit: write it again with --checkpoint.") from error


def _stored(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Convert matrices and convolutions to float16 if their values fit."""
    whole = np.ascontiguousarray(array)
    halved = array.dtype.kind == "f" and array.ndim >= 2 and (not array.size or float(np.abs(array).max()) <= _HALF_MAX)
    return whole.astype(np.float16) if halved else whole
