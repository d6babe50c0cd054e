"""Converts a network to FP16 for TensorRT, with a float32 tail."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, version_converter

from whatsit.engines.onnx_graph import matches, replace_nodes

OPSET = 19
"""The first opset with FP16 Q/DQ."""

_FLOAT_INPUTS = {"Resize": {1, 2}}
"""Inputs that ONNX declares as float32 always: the regions and scales of Resize."""


def to_fp16(model: onnx.ModelProto, float32: Sequence[str] = ()) -> onnx.ModelProto:
    """Return a strongly typed copy in FP16 with a float32 tail.

    Nodes after the last convolution or Gemm (the norm of an embedding, sigmoid, softmax, box decoding) stay in
    float32: a box coordinate of 400 pixels has steps of a quarter pixel in FP16. Q/DQ pairs stay int8 and get FP16
    scales. Inputs and outputs keep their types.

    Args:
        model: a float network, quantised or not, of opset 17 or later, with unique node names.
        float32: patterns (fnmatch) of more node names that stay in float32.
    """
    half = version_converter.convert_version(model, OPSET)
    graph = half.graph
    single = _tail(graph) | {node.name for node in graph.node if matches(node.name, float32)}
    casts = _PrecisionCasts(graph, single)
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes += casts.convert_node(node)
    for output in graph.output:
        nodes += casts.restore_output(output)
    replace_nodes(half, nodes, casts.initializers())
    del graph.value_info[:]
    onnx.checker.check_model(half, full_check=True)
    return half


def _tail(graph: onnx.GraphProto) -> set[str]:
    """Return the names of the nodes after the last convolution or Gemm."""
    needed: set[str] = set()
    tail = set()
    for node in reversed(graph.node):
        if node.op_type in {"Conv", "Gemm"} or needed.intersection(node.output):
            needed.update(node.input)
        else:
            tail.add(node.name)
    return tail


class _PrecisionCasts:
    """Tracks the precision of each float tensor and inserts casts between precisions."""

    def __init__(self, graph: onnx.GraphProto, single: set[str]) -> None:
        self.graph = graph
        self.single = single
        inferred = onnx.shape_inference.infer_shapes(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        )
        values = [*inferred.graph.value_info, *inferred.graph.output, *inferred.graph.input]
        self.floating = {v.name for v in values if v.type.tensor_type.elem_type == TensorProto.FLOAT}
        self.tensors = {tensor.name: tensor for tensor in graph.initializer}
        self.floating |= {n for n, tensor in self.tensors.items() if tensor.data_type == TensorProto.FLOAT}
        self.is_single: dict[str, bool] = {}  # tensor -> is it float32 (True) or FP16 (False)
        self.fp16_constants: dict[str, TensorProto] = {}
        self.cast: set[str] = set()

    def convert_node(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """Return a node in its precision, after the casts of its inputs."""
        single = node.name in self.single
        before: list[onnx.NodeProto] = []
        for index, name in enumerate(node.input):
            if name in self.floating:
                wanted = single or index in _FLOAT_INPUTS.get(node.op_type, set())
                node.input[index], casts = self._read(name, wanted)
                before += casts
        if not single:
            for attribute in node.attribute:
                if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                    attribute.i = TensorProto.FLOAT16
                elif attribute.name == "value" and attribute.t.data_type == TensorProto.FLOAT:
                    attribute.t.CopyFrom(_fp16_constant(attribute.t, attribute.t.name))
        for name in node.output:
            if name in self.floating:
                self.is_single[name] = single
        return [*before, node]

    def restore_output(self, output: onnx.ValueInfoProto) -> list[onnx.NodeProto]:
        """Return the cast of an FP16 output to float32, [] if the output is float32."""
        if self.is_single.get(output.name, True):
            return []
        inner = f"{output.name}/half"
        for node in self.graph.node:
            for names in (node.input, node.output):
                for index, name in enumerate(names):
                    if name == output.name:
                        names[index] = inner
        return [helper.make_node("Cast", [inner], [output.name], name=f"{output.name}/Cast", to=TensorProto.FLOAT)]

    def initializers(self) -> list[TensorProto]:
        """Return all constants in each precision that a node reads."""
        return [*self.tensors.values(), *self.fp16_constants.values()]

    def _read(self, name: str, single: bool) -> tuple[str, list[onnx.NodeProto]]:
        """Return the name of a tensor in a precision, and the cast that makes it."""
        if name in self.tensors:
            if single:
                return name, []
            copy = f"{name}/half"
            self.fp16_constants.setdefault(copy, _fp16_constant(self.tensors[name], copy))
            return copy, []
        if self.is_single.get(name, True) == single:
            return name, []
        copy = f"{name}/{'single' if single else 'half'}"
        if copy in self.cast:
            return copy, []
        self.cast.add(copy)
        to = TensorProto.FLOAT if single else TensorProto.FLOAT16
        return copy, [helper.make_node("Cast", [name], [copy], name=f"{copy}/Cast", to=to)]


def _fp16_constant(tensor: TensorProto, name: str) -> TensorProto:
    """Return a constant in FP16, clipped to its range: a Clip at 3e38 stays unlimited."""
    values = numpy_helper.to_array(tensor).astype(np.float32)
    limit = float(np.finfo(np.float16).max)
    return numpy_helper.from_array(np.clip(values, -limit, limit).astype(np.float16), name)
