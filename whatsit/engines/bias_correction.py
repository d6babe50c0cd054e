"""Empirical bias correction of quantised convolutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from whatsit.engines.onnx_runner import open_session

Array = npt.NDArray[np.generic]
UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]


def correct_biases(
    source: onnx.ModelProto,
    quantised: onnx.ModelProto,
    layers: Sequence[str],
    batches: Sequence[UInt8Array],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Shift the biases of `quantised` until each channel has the float network's mean.

    Rounding of weights and activations shifts the mean of a channel, and depthwise-separable networks accumulate the
    shifts of all layers. Layers are corrected in order, each with the outputs of the corrected layers before it (Nagel
    et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", empirical bias correction).
    Biases may be int32 or float.

    The quantised network runs once in total, layer by layer and unfused, so that every CPU computes the same sums.

    Args:
        source: the float network.
        quantised: its Q/DQ form with the same node names; changed in place.
        layers: names of the convolutions to correct, in the order of the graph.
        batches: calibration inputs, uint8 [b,3,H,W].
        progress: called with the number of layers done and their total.
    """
    nodes = {node.name: node for node in quantised.graph.node}
    wanted = _means(source, layers, batches)
    run = _StagedRun(quantised, batches)
    for done, layer in enumerate(layers):
        output = run.run_until(nodes[layer])
        bias = _bias(quantised.graph, nodes[layer])
        if bias is not None:
            values, scale = bias
            shift = wanted[layer] - _channel_means(output)
            before = numpy_helper.to_array(values)
            after = _shift_bias(before, shift, scale)
            values.CopyFrom(numpy_helper.from_array(after, values.name))
            moved = (after.astype(np.float64) - before) * (1 if scale is None else numpy_helper.to_array(scale))
            run.add_to_output(nodes[layer], moved.astype(np.float32))
        progress(done + 1, len(layers))


class _StagedRun:
    """Runs a network in stages and frees tensors that no later stage reads."""

    def __init__(self, model: onnx.ModelProto, batches: Sequence[UInt8Array]) -> None:
        self.model = model
        self.remaining = list(model.graph.node)
        self.kept: dict[str, list[Array]] = {model.graph.input[0].name: list(batches)}

    def run_until(self, node: onnx.NodeProto) -> list[Array]:
        """Run up to one node and return its first output, one array for each batch."""
        needed, part, remaining = {node.output[0]}, [], []
        for candidate in reversed(self.remaining):
            if needed.intersection(candidate.output):
                part.append(candidate)
                needed.update(name for name in candidate.input if name not in self.kept)
            else:
                remaining.append(candidate)
        part.reverse()
        self.remaining = remaining[::-1]
        read_later = {name for later in self.remaining for name in later.input}
        results = [name for made in part for name in made.output if name in read_later or name == node.output[0]]
        feeds = sorted({name for made in part for name in made.input} & set(self.kept))
        session = _session(self.model, part, results, {name: self.kept[name][0].dtype for name in feeds})
        count = len(next(iter(self.kept.values())))
        runs = [session.run(results, {name: self.kept[name][at] for name in feeds}) for at in range(count)]
        self.kept |= {name: [run[index] for run in runs] for index, name in enumerate(results)}
        wanted = self.kept[node.output[0]]
        self.kept = {name: arrays for name, arrays in self.kept.items() if name in read_later}
        return wanted

    def add_to_output(self, node: onnx.NodeProto, moved: FloatArray) -> None:
        """Add the change of a node's bias to each channel of its output."""
        name = node.output[0]
        if name in self.kept:
            self.kept[name] = [np.add(array, moved.reshape(1, -1, 1, 1)) for array in self.kept[name]]


def _session(
    model: onnx.ModelProto,
    nodes: Sequence[onnx.NodeProto],
    outputs: Sequence[str],
    feeds: dict[str, np.dtype[np.generic]],
) -> Any:
    """Open a session of some nodes of a network."""
    part = onnx.ModelProto()
    part.ir_version = model.ir_version
    part.opset_import.extend(model.opset_import)
    part.graph.name = "part"
    part.graph.node.extend(nodes)
    read = {name for node in nodes for name in node.input}
    part.graph.initializer.extend(tensor for tensor in model.graph.initializer if tensor.name in read)
    for name, dtype in feeds.items():
        part.graph.input.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), None))
    for name in outputs:
        part.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.UNDEFINED, None))
        part.graph.output[-1].ClearField("type")
    return open_session(part.SerializeToString(), optimise=False)


def _means(model: onnx.ModelProto, layers: Sequence[str], batches: Sequence[UInt8Array]) -> dict[str, FloatArray]:
    """Return the channel means of some layers' [n,c,h,w] outputs over all batches."""
    run = _StagedRun(model, batches)
    nodes = {node.name: node for node in model.graph.node}
    return {layer: _channel_means(run.run_until(nodes[layer])) for layer in layers}


def _channel_means(arrays: Sequence[Array]) -> FloatArray:
    means = np.concatenate([array.mean(axis=(2, 3), dtype=np.float64) for array in arrays])
    return np.asarray(means.mean(axis=0), np.float32)


def _bias(graph: onnx.GraphProto, layer: onnx.NodeProto) -> tuple[onnx.TensorProto, onnx.TensorProto | None] | None:
    """Return a layer's bias and the scale of an int32 bias; None without bias."""
    if len(layer.input) < 3:
        return None
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    if layer.input[2] in tensors:
        return tensors[layer.input[2]], None
    dequantise = next((node for node in graph.node if layer.input[2] in node.output), None)
    if dequantise is None or dequantise.op_type != "DequantizeLinear":
        return None
    return tensors[dequantise.input[0]], tensors[dequantise.input[1]]


def _shift_bias(bias: Array, shift: FloatArray, scale: onnx.TensorProto | None) -> Array:
    if scale is None:
        return np.add(bias, shift).astype(np.float32)
    steps = np.round(shift / numpy_helper.to_array(scale)).astype(np.int64)
    return np.asarray((bias.astype(np.int64) + steps).clip(-(2**31), 2**31 - 1), np.int32)
