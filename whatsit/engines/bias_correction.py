"""Takes the shift that quantisation puts on each channel back out through the biases."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import numpy_helper

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]


def correct_biases(
    source: onnx.ModelProto,
    quantised: onnx.ModelProto,
    layers: Sequence[str],
    batches: Sequence[UInt8Array],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Shift the int32 biases of `quantised`, layer by layer, until each channel's mean is the float network's.

    Rounded weights and activations move the mean of a channel, and depthwise-separable networks carry the shifts of
    all layers to the end. Layers are corrected in order, each seeing what the corrected ones before it give (Nagel et
    al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", empirical bias correction).

    Args:
        source: the float network.
        quantised: its Q/DQ form with the same node names; changed in place.
        layers: names of the convolutions to correct, in the order of the graph.
        batches: real inputs, uint8 [b,3,H,W].
        progress: called with the number of layers done and their total.
    """
    nodes = {node.name: node for node in quantised.graph.node}
    wanted = _means(source, [node.output[0] for node in source.graph.node if node.name in layers], batches)
    names = {node.name: node.output[0] for node in source.graph.node}
    for done, layer in enumerate(layers):
        node = nodes[layer]
        bias = _quantised_bias(quantised.graph, node)
        if bias is not None:
            values, scale = bias
            got = _means(quantised, [node.output[0]], batches)[node.output[0]]
            steps = np.round((wanted[names[layer]] - got) / numpy_helper.to_array(scale)).astype(np.int64)
            corrected = (numpy_helper.to_array(values).astype(np.int64) + steps).clip(-(2**31), 2**31 - 1)
            values.CopyFrom(numpy_helper.from_array(corrected.astype(np.int32), values.name))
        progress(done + 1, len(layers))


def _quantised_bias(graph: onnx.GraphProto, layer: onnx.NodeProto) -> tuple[onnx.TensorProto, onnx.TensorProto] | None:
    """The int32 bias of a layer and its scale, or None where the layer has none."""
    if len(layer.input) < 3:
        return None
    dequantise = next((node for node in graph.node if layer.input[2] in node.output), None)
    if dequantise is None or dequantise.op_type != "DequantizeLinear":
        return None
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    return tensors[dequantise.input[0]], tensors[dequantise.input[1]]


def _means(model: onnx.ModelProto, tensors: Sequence[str], batches: Sequence[UInt8Array]) -> dict[str, FloatArray]:
    """Mean of each channel of some [n,c,h,w] tensors of the network over all batches."""
    part = _up_to(model, tensors)
    for index, name in enumerate(tensors):
        part.graph.node.append(onnx.helper.make_node("ReduceMean", [name], [f"mean_{index}"], axes=[2, 3], keepdims=0))
        part.graph.output.append(onnx.helper.make_tensor_value_info(f"mean_{index}", onnx.TensorProto.FLOAT, None))
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(part.SerializeToString(), options, providers=["CPUExecutionProvider"])
    outputs = [f"mean_{index}" for index in range(len(tensors))]
    parts = [session.run(outputs, {"images": batch}) for batch in batches]
    return {
        name: np.concatenate([run[index] for run in parts]).mean(axis=0, dtype=np.float64).astype(np.float32)
        for index, name in enumerate(tensors)
    }


def _up_to(model: onnx.ModelProto, tensors: Sequence[str]) -> onnx.ModelProto:
    """The part of the network that computes some tensors, without outputs yet."""
    needed, kept = set(tensors), []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
    part = onnx.ModelProto()
    part.ir_version = model.ir_version
    part.opset_import.extend(model.opset_import)
    part.graph.name = "part"
    part.graph.node.extend(reversed(kept))
    part.graph.input.extend(model.graph.input)
    part.graph.initializer.extend(tensor for tensor in model.graph.initializer if tensor.name in needed)
    return part
