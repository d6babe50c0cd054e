"""Which layers quantisation hurts: the shortest list of those that must stay in float."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort

from whatsit.engines.activation_ranges import symmetric_ranges
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
    """Find the fewest layers that must stay in float, the most harmful first.

    Args:
        model: the prepared float network.
        calibrating: inputs that set ranges.
        checking: inputs on which the harm is measured.
        keep_float: patterns that stay in float already.
        passes: builds the network with these node names in float as well, and says whether its figures hold.

    Returns:
        Names of nodes, or None where even half of all layers in float do not suffice.
    """
    harm = layer_sensitivity(model, calibrating, checking, keep_float)
    order = sorted(harm, key=lambda name: -harm[name])
    low, high, found = 1, max(1, len(order) // 2), None
    if not passes(tuple(order[:high])):
        return None
    found = high
    while low < high:
        middle = (low + high) // 2
        if passes(tuple(order[:middle])):
            high = found = middle
        else:
            low = middle + 1
    return tuple(order[:found])


def layer_sensitivity(
    model: onnx.ModelProto,
    calibrating: Sequence[UInt8Array],
    checking: Sequence[UInt8Array],
    keep_float: Sequence[str],
) -> dict[str, float]:
    """What each layer's own quantisation does to the outputs: mean squared change over the outputs' mean square.

    One layer at a time is quantised (its weights and its input), the rest stays in float.
    """
    placement = place_pairs(model.graph, keep_float)
    ranges = symmetric_ranges(model, placement.tensors(model.graph), calibrating[:4])
    images = np.concatenate(list(checking))[:_PICTURES]
    want = _run(model, images)
    harm = {}
    for layer in placement.layers:
        alone = Placement((layer,), tuple(edge for edge in placement.edges if edge[0] == layer))
        got = _run(insert_pairs(model, alone, ranges), images)
        harm[layer] = sum(
            float(((a - b) ** 2).mean() / max(float((b**2).mean()), 1e-12)) for a, b in zip(got, want, strict=True)
        )
    return harm


def _run(model: onnx.ModelProto, images: UInt8Array) -> list[npt.NDArray[np.float64]]:
    """The float outputs that can be compared value by value: boxes change paths with their scores, so they cannot."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs() if output.name not in {"boxes", "labels"}]
    return [np.asarray(array, np.float64) for array in session.run(names, {"images": images})]
