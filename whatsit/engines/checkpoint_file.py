"""The committed checkpoint: weights with the recipe and metrics they come from, the same bytes every time."""

from __future__ import annotations

import json
import struct
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
    """What a network is made from.

    Args:
        engine: embedder, detector or classifier.
        weights: arrays by the names of the torch state dict; only what the network itself needs.
        recipe: the training recipe as a dict, defaults included.
        metrics: the validation row of the chosen epoch, empty where there is none.
    """

    engine: str
    weights: Mapping[str, npt.NDArray[np.generic]]
    recipe: Mapping[str, Any]
    metrics: Mapping[str, float]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write weights as float16 and everything else as the metadata of one safetensors file.

    Only arrays of two or more dimensions are halved: biases and the statistics of batch norms are small in bytes, and
    their ranges do not fit float16. The same content gives the same bytes: one metadata key holds sorted JSON, because
    the library writes several keys in any order.
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
    """Read what `write_checkpoint` wrote; float16 comes back as float32.

    Raises:
        InvalidInput: there is no such file.
        Damaged: it is cut off, or no checkpoint of Whatsit.
    """
    from safetensors.numpy import load_file

    if not path.is_file():
        raise InvalidInput(f"There is no checkpoint {path}: pass --checkpoint with the best.pt of `whatsit train`.")
    try:
        about = json.loads(_metadata(path)[_KEY])
        arrays = {
            name: array.astype(np.float32) if array.dtype == np.float16 else array
            for name, array in load_file(path).items()
        }
        return Checkpoint(str(about["engine"]), arrays, about["recipe"], about["metrics"])
    except Exception as error:  # safetensors and json raise their own kinds for one thing: it is not such a file
        raise Damaged(f"{path} is not a checkpoint of Whatsit: write it again with --checkpoint.") from error


def _metadata(path: Path) -> dict[str, str]:
    """The `__metadata__` of a safetensors file: 8 bytes of length, then a JSON header."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > path.stat().st_size:
            raise ValueError("the header is cut off")
        metadata: dict[str, str] = json.loads(file.read(length))["__metadata__"]
    return metadata


def _stored(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    whole = np.ascontiguousarray(array)
    halved = array.dtype.kind == "f" and array.ndim >= 2 and (not array.size or float(np.abs(array).max()) <= _HALF_MAX)
    return whole.astype(np.float16) if halved else whole
