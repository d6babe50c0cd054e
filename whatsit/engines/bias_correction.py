"""Takes the shift that quantisation puts on each channel back out through the biases."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper

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
    """Shift the biases of `quantised`, layer by layer, until each channel's mean is the float network's.

    Rounded weights and activations move the mean of a channel, and depthwise-separable networks carry the shifts of
    all layers to the end. Layers are corrected in order, each seeing what the corrected ones before it give (Nagel et
    al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", empirical bias correction).
    Biases may be int32 or float.

    The quantised network runs once in all: from layer to layer, and unfused, so that every CPU gives the same sums.

    Args:
        source: the float network.
        quantised: its Q/DQ form with the same node names; changed in place.
        layers: names of the convolutions to correct, in the order of the graph.
        batches: real inputs, uint8 [b,3,H,W].
        progress: called with the number of layers done and their total.
    """
    nodes = {node.name: node for node in quantised.graph.node}
    wanted = _means(source, layers, batches)
    run = _Stages(quantised, batches)
    for done, layer in enumerate(layers):
        output = run.up_to(nodes[layer])
        bias = _bias(quantised.graph, nodes[layer])
        if bias is not None:
            values, scale = bias
            shift = wanted[layer] - _channel_means(output)
            before = numpy_helper.to_array(values)
            after = _shifted(before, shift, scale)
            values.CopyFrom(numpy_helper.from_array(after, values.name))
            moved = (after.astype(np.float64) - before) * (1 if scale is None else numpy_helper.to_array(scale))
            run.shift(nodes[layer], moved.astype(np.float32))
        progress(done + 1, len(layers))


class _Stages:
    """Runs a network part by part over all batches; tensors that later parts read are kept, others are freed."""

    def __init__(self, model: onnx.ModelProto, batches: Sequence[UInt8Array]) -> None:
        self.model = model
        self.waiting = list(model.graph.node)
        self.kept: dict[str, list[Array]] = {model.graph.input[0].name: list(batches)}

    def up_to(self, node: onnx.NodeProto) -> list[Array]:
        """Run what is still missing up to one node and return its first output, one array for each batch."""
        needed, part, waiting = {node.output[0]}, [], []
        for candidate in reversed(self.waiting):
            if needed.intersection(candidate.output):
                part.append(candidate)
                needed.update(name for name in candidate.input if name not in self.kept)
            else:
                waiting.append(candidate)
        part.reverse()
        self.waiting = waiting[::-1]
        read_later = {name for later in self.waiting for name in later.input}
        results = [name for made in part for name in made.output if name in read_later or name == node.output[0]]
        feeds = sorted({name for made in part for name in made.input} & set(self.kept))
        session = _session(self.model, part, results, {name: self.kept[name][0].dtype for name in feeds})
        count = len(next(iter(self.kept.values())))
        runs = [session.run(results, {name: self.kept[name][at] for name in feeds}) for at in range(count)]
        self.kept |= {name: [run[index] for run in runs] for index, name in enumerate(results)}
        wanted = self.kept[node.output[0]]
        self.kept = {name: arrays for name, arrays in self.kept.items() if name in read_later}
        return wanted

    def shift(self, node: onnx.NodeProto, moved: FloatArray) -> None:
        """Add to each channel of a node's output what its bias was changed by."""
        name = node.output[0]
        if name in self.kept:
            self.kept[name] = [np.add(array, moved.reshape(1, -1, 1, 1)) for array in self.kept[name]]


def _session(
    model: onnx.ModelProto,
    nodes: Sequence[onnx.NodeProto],
    outputs: Sequence[str],
    feeds: dict[str, np.dtype[np.generic]],
) -> ort.InferenceSession:
    """A session of some nodes of a network."""
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
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(part.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _means(model: onnx.ModelProto, layers: Sequence[str], batches: Sequence[UInt8Array]) -> dict[str, FloatArray]:
    """Mean of each channel of some layers' [n,c,h,w] outputs over all batches, in the float network."""
    run = _Stages(model, batches)
    nodes = {node.name: node for node in model.graph.node}
    return {layer: _channel_means(run.up_to(nodes[layer])) for layer in layers}


def _channel_means(arrays: Sequence[Array]) -> FloatArray:
    means = np.concatenate([array.mean(axis=(2, 3), dtype=np.float64) for array in arrays])
    return np.asarray(means.mean(axis=0), np.float32)


def _bias(graph: onnx.GraphProto, layer: onnx.NodeProto) -> tuple[onnx.TensorProto, onnx.TensorProto | None] | None:
    """The bias of a layer and, where it is int32, its scale; None where the layer has no constant bias."""
    if len(layer.input) < 3:
        return None
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    if layer.input[2] in tensors:
        return tensors[layer.input[2]], None
    dequantise = next((node for node in graph.node if layer.input[2] in node.output), None)
    if dequantise is None or dequantise.op_type != "DequantizeLinear":
        return None
    return tensors[dequantise.input[0]], tensors[dequantise.input[1]]


def _shifted(bias: Array, shift: FloatArray, scale: onnx.TensorProto | None) -> Array:
    if scale is None:
        return np.add(bias, shift).astype(np.float32)
    steps = np.round(shift / numpy_helper.to_array(scale)).astype(np.int64)
    return np.asarray((bias.astype(np.int64) + steps).clip(-(2**31), 2**31 - 1), np.int32)
