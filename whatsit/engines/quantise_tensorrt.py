"""INT8 quantisation for TensorRT: symmetric Q/DQ pairs where it fuses them.

Polygraphy places no Q/DQ pairs: its calibrator belongs to TensorRT's removed implicit quantisation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from whatsit.engines.activation_ranges import symmetric_ranges
from whatsit.engines.bias_correction import correct_biases
from whatsit.engines.onnx_graph import WITH_WEIGHTS, is_transposed, matches, replace_nodes, select_nodes

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

_CORRECTION_BATCHES = 8


@dataclass(frozen=True)
class Placement:
    """Positions of Q/DQ pairs in a float network.

    Args:
        layers: names of the nodes with weights that compute in int8, in graph order.
        edges: (node, index of its input) that get a pair.
    """

    layers: tuple[str, ...]
    edges: tuple[tuple[str, int], ...]

    def tensors(self, graph: onnx.GraphProto) -> list[str]:
        """Return the names of the tensors on the edges, each once."""
        nodes = {node.name: node for node in graph.node}
        return list(dict.fromkeys(nodes[name].input[index] for name, index in self.edges))


def place_pairs(graph: onnx.GraphProto, keep_float: Sequence[str]) -> Placement:
    """Select the layers in int8 by TensorRT's rules of explicit quantisation.

    The input of every quantised layer gets a pair; outputs get none. At an Add of two branches, a convolution that
    only the Add reads gets no pair, so that TensorRT fuses convolution and Add into one kernel; the other branch gets
    the pair, so that this kernel reads its residual in int8.

    Args:
        graph: a float network whose nodes have unique names.
        keep_float: patterns of node names that stay in FP16.
    """
    chosen = select_nodes(graph, keep_float)
    layers = [node for node in chosen if node.op_type in WITH_WEIGHTS]
    producers = {name: node for node in graph.node for name in node.output}
    order = {node.name: index for index, node in enumerate(graph.node)}
    readers: dict[str, int] = {}
    for node in graph.node:
        for name in node.input:
            readers[name] = readers.get(name, 0) + 1
    names = {node.name for node in layers}
    edges = [(node.name, 0) for node in layers]
    constants = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type != "Add" or matches(node.name, keep_float) or constants.intersection(node.input):
            continue
        fusable = [
            (order[producers[name].name], index)
            for index, name in enumerate(node.input)
            if name in producers and producers[name].name in names and readers[name] == 1
        ]
        if fusable:
            edges.append((node.name, 1 - max(fusable)[1]))
    return Placement(tuple(node.name for node in layers), tuple(edges))


def quantise_tensorrt(
    model: onnx.ModelProto,
    batches: Sequence[UInt8Array],
    *,
    keep_float: Sequence[str] = (),
    ranges: str = "max",
    correct: bool = True,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> onnx.ModelProto:
    """Return the INT8 form of a float network, in float32 between the int8 layers.

    `to_fp16` converts the float32 parts. Activations are symmetric int8 per tensor, weights symmetric int8 per output
    channel; biases stay float (TensorRT refuses quantised ones) and are corrected so that every channel keeps its mean.

    Args:
        model: the float network from `prepare_float`.
        batches: real inputs, uint8 [b,3,H,W].
        keep_float: patterns (fnmatch) of node names that stay in float.
        ranges: a method of `symmetric_ranges`.
        correct: correct the biases.
        progress: called with steps done and their total.
    """
    placement = place_pairs(model.graph, keep_float)
    found = symmetric_ranges(model, placement.tensors(model.graph), batches, ranges)
    quantised = insert_pairs(model, placement, found)
    convolutions = {node.name for node in model.graph.node if node.op_type == "Conv"}
    layers = [name for name in placement.layers if name in convolutions]
    if correct:
        correct_biases(model, quantised, layers, batches[:_CORRECTION_BATCHES], progress)
    return quantised


def insert_pairs(model: onnx.ModelProto, placement: Placement, ranges: Mapping[str, float]) -> onnx.ModelProto:
    """Return a copy with the Q/DQ pairs and int8 weights of a placement."""
    quantised = onnx.ModelProto()
    quantised.CopyFrom(model)
    graph = quantised.graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    by_node: dict[str, list[int]] = {}
    for name, index in placement.edges:
        by_node.setdefault(name, []).append(index)
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        for index in by_node.get(node.name, []):
            nodes += _activation_pair(graph, node, index, ranges[node.input[index]])
        if node.name in placement.layers:
            nodes.append(_int8_weight(graph, node, tensors[node.input[1]]))
        nodes.append(node)
    replace_nodes(quantised, nodes, graph.initializer)
    return quantised


def _activation_pair(graph: onnx.GraphProto, node: onnx.NodeProto, index: int, limit: float) -> list[onnx.NodeProto]:
    """Make the Q/DQ pair of one input of a node, and connect the node to it."""
    name = f"{node.name}/input_{index}"
    scale = _scales(np.array(limit / 127, np.float32))
    graph.initializer.append(numpy_helper.from_array(scale, f"{name}/scale"))
    graph.initializer.append(numpy_helper.from_array(np.array(0, np.int8), f"{name}/zero"))
    parameters = [f"{name}/scale", f"{name}/zero"]
    source, node.input[index] = node.input[index], f"{name}/dequantised"
    return [
        helper.make_node("QuantizeLinear", [source, *parameters], [f"{name}/int8"], name=f"{name}/QuantizeLinear"),
        helper.make_node(
            "DequantizeLinear", [f"{name}/int8", *parameters], [f"{name}/dequantised"], name=f"{name}/DequantizeLinear"
        ),
    ]


def _int8_weight(graph: onnx.GraphProto, node: onnx.NodeProto, tensor: onnx.TensorProto) -> onnx.NodeProto:
    """Store a layer's weight as int8, one scale per output channel, and return its DQ."""
    weight = numpy_helper.to_array(tensor).astype(np.float32)
    axis = 0 if node.op_type == "Conv" or is_transposed(node) else weight.ndim - 1
    others = tuple(i for i in range(weight.ndim) if i != axis)
    scale = _scales(np.abs(weight).max(axis=others) / 127)
    shape = [1] * weight.ndim
    shape[axis] = -1
    rounded = np.round(weight / scale.reshape(shape)).clip(-127, 127).astype(np.int8)
    name = f"{node.name}/weight"
    for value, part in ((rounded, "int8"), (scale, "scale"), (np.zeros(len(scale), np.int8), "zero")):
        graph.initializer.append(numpy_helper.from_array(value, f"{name}/{part}"))
    node.input[1] = f"{name}/dequantised"
    inputs = [f"{name}/{part}" for part in ("int8", "scale", "zero")]
    return helper.make_node(
        "DequantizeLinear", inputs, [f"{name}/dequantised"], name=f"{name}/DequantizeLinear", axis=axis
    )


def _scales(values: FloatArray) -> FloatArray:
    """Round scales up to float16 values, so that the range is never clipped."""
    half = np.asarray(values, np.float32).astype(np.float16)
    up = np.where(half.astype(np.float32) < values, np.nextafter(half, np.float16(np.inf)), half)
    return np.asarray(np.maximum(up, np.float16(2**-14)), np.float32)
