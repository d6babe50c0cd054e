"""How far activations reach on real pictures: the symmetric ranges of int8."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from whatsit_client.errors import InvalidInput

UInt8Array = npt.NDArray[np.uint8]

METHODS = ("max", "percentile", "mse")
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
    """The largest magnitude that int8 has to show, for each tensor.

    Args:
        model: a float network with the input `images`.
        tensors: names of float tensors in it.
        batches: real inputs, uint8 [b,3,H,W].
        method: "max", the largest value seen; "percentile", what 99.995 % of the values stay under; "mse", the range
            with the least squared error of rounding and clipping together, by a histogram of the magnitudes.
        progress: called with the batches done and their total over all passes.

    Returns:
        A positive number for each tensor.
    """
    if method not in METHODS:
        raise InvalidInput(f"There is no way {method!r} to choose ranges; choose one of {', '.join(METHODS)}.")
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
    """Share of the full range that holds nearly all magnitudes."""
    reached = np.cumsum(counts) >= _PERCENTILE * counts.sum()
    return (int(np.argmax(reached)) + 1) / len(counts)


def _least_error(counts: npt.NDArray[np.int64]) -> float:
    """Share of the full range with the least squared error: a step's variance is its square over 12."""
    centres = (np.arange(len(counts)) + 0.5) / len(counts)
    shares = np.linspace(0.2, 1.0, 81)
    clipped = np.maximum(centres[None, :] - shares[:, None], 0) ** 2 @ counts
    inside = (centres[None, :] <= shares[:, None]) @ counts
    rounded = inside * (shares / _LEVELS) ** 2 / 12
    return float(shares[np.argmin(clipped + rounded)])


def _session(model: onnx.ModelProto, tensors: Sequence[str]) -> ort.InferenceSession:
    """The network with the wanted tensors as its outputs."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    del watched.graph.output[:]
    for name in tensors:
        watched.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
