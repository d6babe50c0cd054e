"""Symmetric int8 ranges of activations, measured on calibration pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from whatsit.engines.onnx_runner import open_session

UInt8Array = npt.NDArray[np.uint8]

_BINS = 4096
_PERCENTILE = 0.99995
_LEVELS = 127


def symmetric_ranges(
    model: onnx.ModelProto,
    tensors: Sequence[str],
    batches: Sequence[UInt8Array],
    method: str = "max",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, float]:
    """Return the largest magnitude that int8 must represent, for each tensor.

    Args:
        model: a float network with the input `images`.
        tensors: names of float tensors of the network.
        batches: calibration inputs, uint8 [b,3,H,W].
        method: "max", the largest magnitude; "percentile", the 99.995th percentile; "mse", the range with the least
            squared error of rounding and clipping together, from a histogram of the magnitudes.
        progress: called with the batches done and their total over all passes.

    Returns:
        A positive number for each tensor.
    """
    session = _session(model, tensors)
    total = len(batches) * (1 if method == "max" else 2)
    largest = dict.fromkeys(tensors, 1e-6)
    for done, batch in enumerate(batches):
        for name, value in zip(tensors, session.run(list(tensors), {"images": batch}), strict=True):
            largest[name] = max(largest[name], float(np.abs(value).max()))
        progress(done + 1, total)
    if method == "max":
        return largest
    counts = {name: np.zeros(_BINS, np.int64) for name in tensors}
    for done, batch in enumerate(batches):
        for name, value in zip(tensors, session.run(list(tensors), {"images": batch}), strict=True):
            counts[name] += np.histogram(np.abs(value), _BINS, (0, largest[name]))[0]
        progress(len(batches) + done + 1, total)
    choose = _percentile if method == "percentile" else _least_error
    return {name: largest[name] * choose(counts[name]) for name in tensors}


def _percentile(counts: npt.NDArray[np.int64]) -> float:
    """Return the share of the full range that contains nearly all magnitudes."""
    reached = np.cumsum(counts) >= _PERCENTILE * counts.sum()
    return (int(np.argmax(reached)) + 1) / len(counts)


def _least_error(counts: npt.NDArray[np.int64]) -> float:
    """Return the share of the full range with the least squared error.

    The variance of rounding is the square of a step over 12.
    """
    centres = (np.arange(len(counts)) + 0.5) / len(counts)
    shares = np.linspace(0.2, 1.0, 81)
    clipped = np.maximum(centres[None, :] - shares[:, None], 0) ** 2 @ counts
    inside = (centres[None, :] <= shares[:, None]) @ counts
    rounded = inside * (shares / _LEVELS) ** 2 / 12
    return float(shares[np.argmin(clipped + rounded)])


def _session(model: onnx.ModelProto, tensors: Sequence[str]) -> Any:
    """Open the network with the given tensors as its outputs."""
    extended = onnx.ModelProto()
    extended.CopyFrom(model)
    del extended.graph.output[:]
    for name in tensors:
        extended.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return open_session(extended.SerializeToString())
