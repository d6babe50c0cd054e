"""Prepares, selects and replaces the nodes of an ONNX graph."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import onnx
from onnxruntime.quantization.shape_inference import quant_pre_process
from whatsit_client.errors import InvalidInput

WITH_WEIGHTS = {"Conv", "Gemm", "MatMul"}
_ACTIVATIONS = {"Clip", "Relu"}
_BETWEEN = {"Add", "Concat", "MaxPool", "Resize"}


def prepare_float(source: Path) -> onnx.ModelProto:
    """Fold constants and batch norms of a float network; name its nodes uniquely."""
    with tempfile.TemporaryDirectory(prefix="whatsit-") as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        model = onnx.load(prepared)
    _name_nodes(model)
    return model


def select_nodes(graph: onnx.GraphProto, keep_float: Sequence[str]) -> list[onnx.NodeProto]:
    """Return the nodes to quantise: layers with weights, and nodes between them.

    Layers in `keep_float` stay in float. An activation follows its layer. Adds, concatenations and the like are
    selected only between quantised layers, so normalisation and decoding stay in float.
    """
    for pattern in keep_float:
        if not any(matches(node.name, [pattern]) for node in graph.node):
            raise InvalidInput(f"keep_float pattern {pattern!r} matches no node of the network; see its node names.")
    constants = {tensor.name for tensor in graph.initializer}
    free = [node for node in graph.node if not matches(node.name, keep_float)]
    shapes = {tensor.name: tensor.dims for tensor in graph.initializer}
    weighted = [n for n in free if n.op_type in WITH_WEIGHTS and n.input[1] in shapes and not _is_stem(n, shapes)]
    after = _reach(graph.node, weighted)
    before = _reach(reversed(graph.node), weighted, backwards=True)
    silus = _silus(free)
    taken = {node.name for node in weighted}
    produced_by_taken = {name for node in weighted for name in node.output}
    for node in free:
        follows = node.op_type in _ACTIVATIONS and node.input[0] in produced_by_taken
        follows |= node.name in silus and produced_by_taken.issuperset(node.input)
        between = node.op_type in _BETWEEN and node.name in after and node.name in before
        dynamic = [name for name in node.input if name and name not in constants]
        if follows or (between and (node.op_type != "Add" or len(dynamic) == 2)):
            taken.add(node.name)
            produced_by_taken.update(node.output)
    return [node for node in graph.node if node.name in taken]


def replace_nodes(
    model: onnx.ModelProto, nodes: Iterable[onnx.NodeProto], initializers: Iterable[onnx.TensorProto]
) -> None:
    """Replace the nodes of a graph, and its initializers by those that the nodes read."""
    graph = model.graph
    # Copies, because clearing a field invalidates its messages.
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    used = {name for node in copies for name in node.input}
    tensors = [onnx.TensorProto.FromString(t.SerializeToString()) for t in initializers if t.name in used]
    del graph.node[:]
    graph.node.extend(copies)
    del graph.initializer[:]
    graph.initializer.extend(tensors)
    model.producer_name, model.producer_version = "whatsit", ""


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Return whether a node's name matches one of some fnmatch patterns."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _silus(nodes: Sequence[onnx.NodeProto]) -> set[str]:
    """Return the names of the nodes of x * sigmoid(x)."""
    sigmoids = {node.output[0]: node for node in nodes if node.op_type == "Sigmoid"}
    names: set[str] = set()
    for node in nodes:
        if node.op_type == "Mul" and (gate := sigmoids.get(node.input[1])) and gate.input[0] == node.input[0]:
            names |= {node.name, gate.name}
    return names


def _reach(nodes: Iterable[onnx.NodeProto], seeds: Sequence[onnx.NodeProto], backwards: bool = False) -> set[str]:
    """Return the names of the nodes that follow (backwards: precede) a seed."""
    start = {node.name for node in seeds}
    tensors: set[str] = set()
    names: set[str] = set()
    for node in nodes:
        incoming, outgoing = (node.output, node.input) if backwards else (node.input, node.output)
        reached = bool(tensors.intersection(incoming))
        if reached:
            names.add(node.name)
        if reached or node.name in start:
            tensors.update(outgoing)
    return names


def _is_stem(node: onnx.NodeProto, shapes: Mapping[str, Sequence[int]]) -> bool:
    return bool(node.op_type == "Conv" and group_count(node) == 1 and shapes[node.input[1]][1] == 3)


def is_transposed(node: onnx.NodeProto) -> bool:
    """Return whether a node is the Gemm of a torch Linear, whose weight is [out, in]."""
    return node.op_type == "Gemm" and any(a.name == "transB" and a.i for a in node.attribute)


def group_count(node: onnx.NodeProto) -> int:
    """Return the number of groups of a convolution."""
    return next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)


def _name_nodes(model: onnx.ModelProto) -> None:
    """Give every node a unique name, by which ONNX Runtime's tools select nodes."""
    seen: set[str] = set()
    for index, node in enumerate(model.graph.node):
        if not node.name or node.name in seen:
            node.name = f"{node.op_type}_{index}"
        seen.add(node.name)
