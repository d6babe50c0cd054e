"""Sensitivity of layers to quantisation, and those that must stay in float.

Polygraphy's `debug precision` sets the precision of layers in a weakly typed TensorRT network and runs it on a GPU;
here the Q/DQ pairs of the ONNX file decide the precision, and ONNX Runtime measures it on the CPU.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import onnx

from whatsit.engines.activation_ranges import symmetric_ranges
from whatsit.engines.onnx_runner import open_session
from whatsit.engines.quantise_tensorrt import Placement, insert_pairs, place_pairs

UInt8Array = npt.NDArray[np.uint8]

_PICTURES = 16


def find_float_layers(
    model: onnx.ModelProto,
    calibrating: Sequence[UInt8Array],
    checking: Sequence[UInt8Array],
    keep_float: Sequence[str],
    passes: Callable[[tuple[str, ...]], bool],
) -> tuple[str, ...] | None:
    """Return the fewest layers that must stay in float, the most sensitive first.

    Args:
        model: the prepared float network.
        calibrating: inputs that set the ranges.
        checking: inputs on which the sensitivity is measured.
        keep_float: patterns of node names that stay in float already.
        passes: builds the network with these node names in float too; True if its parity figures pass.

    Returns:
        Names of nodes, or None if half of all layers in float are not enough.
    """
    sensitivity = layer_sensitivity(model, calibrating, checking, keep_float)
    order = sorted(sensitivity, key=lambda name: -sensitivity[name])
    most = len(order) // 2
    if not most or not passes(tuple(order[:most])):
        return None
    fewer = range(1, most)
    return tuple(order[: 1 + bisect_left(fewer, True, key=lambda count: passes(tuple(order[:count])))])


def layer_sensitivity(
    model: onnx.ModelProto,
    calibrating: Sequence[UInt8Array],
    checking: Sequence[UInt8Array],
    keep_float: Sequence[str],
) -> dict[str, float]:
    """Return the relative mean squared error of the outputs for each quantised layer.

    One layer at a time is quantised (its weights and its input); all others stay in float.
    """
    placement = place_pairs(model.graph, keep_float)
    ranges = symmetric_ranges(model, placement.tensors(model.graph), calibrating[:4])
    images = np.concatenate(list(checking))[:_PICTURES]
    want = _run(model, images)
    sensitivity = {}
    for layer in placement.layers:
        alone = Placement((layer,), tuple(edge for edge in placement.edges if edge[0] == layer))
        got = _run(insert_pairs(model, alone, ranges), images)
        sensitivity[layer] = sum(
            float(((a - b) ** 2).mean() / max(float((b**2).mean()), 1e-12)) for a, b in zip(got, want, strict=True)
        )
    return sensitivity


def _run(model: onnx.ModelProto, images: UInt8Array) -> list[npt.NDArray[np.float64]]:
    """Return the float outputs that are comparable element by element.

    Boxes and labels are sorted by score, so a small change of the scores permutes them.
    """
    session = open_session(model.SerializeToString(), optimise=False)
    names = [output.name for output in session.get_outputs() if output.name not in {"boxes", "labels"}]
    return [np.asarray(array, np.float64) for array in session.run(names, {"images": images})]
