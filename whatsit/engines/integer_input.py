"""Lets the first convolution of an INT8 network read the pixels themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from whatsit.engines.onnx_graph import group_count, matches

_CHANNELS = 4


@dataclass(frozen=True)
class IntegerInput:
    """Pixels as the quantised form of what the first convolution reads.

    Args:
        tensor: name of its input, (pixels - zero_point) * scale with channels of zeros behind.
        scale: positive.
        zero_point: 0 to 255.
        sides: name of the Pad's sides, which adds those channels.
    """

    tensor: str
    scale: float
    zero_point: int
    sides: str


def prepare_pixels(model: onnx.ModelProto, keep_float: Sequence[str] = ()) -> IntegerInput | None:
    """Give a float network an input that quantises to its pixels; its answers stay.

    Pixels are normalised as (x - mean) / deviation. A quantised tensor with the deviation's reciprocal as its scale is
    the pixels, if the mean is a whole number. What rounding takes from it goes into the bias of the convolution. That
    one pads with zeros, which now stand for the rounded mean: the border of its map moves by half a pixel value.

    The convolution gets a fourth channel of zeros: ONNX Runtime's direct kernels take channels by fours. A convolution
    of three channels is never quantised, see `select_nodes`.

    Args:
        model: the prepared float network; changed in place if it begins as described.
        keep_float: patterns of node names that stay in float.

    Returns:
        The input as integers; None where the network does not begin with a cast, one mean, one deviation, and a single
        convolution with a bias and no groups that reads the result, or where that convolution stays in float.
    """
    graph = model.graph
    chain = _chain(graph)
    if chain is None or matches(chain[-1].name, keep_float):
        return None
    subtract, divide, layer = chain
    if len(layer.input) < 3 or group_count(layer) > 1:
        return None
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    read = [subtract.input[1], divide.input[1], layer.input[1], layer.input[2]]
    if not constants.keys() >= set(read) or any(np.unique(constants[name]).size != 1 for name in read[:2]):
        return None
    mean, deviation = (float(constants[name].flat[0]) for name in read[:2])
    if not 0 <= mean <= 255 or deviation <= 0:
        return None
    weight, bias = constants[read[2]], constants[read[3]].astype(np.float64)
    zero_point = round(mean)
    moved = bias + weight.sum(axis=(1, 2, 3), dtype=np.float64) * (zero_point - mean) / deviation
    added = -weight.shape[1] % _CHANNELS
    sides = _added(graph, "images_sides", np.array([0, 0, 0, 0, 0, added, 0, 0], np.int64))
    padded = helper.make_node("Pad", [divide.output[0], sides], [f"{divide.output[0]}_padded"], "images_pad")
    graph.node.insert(list(graph.node).index(divide) + 1, padded)
    subtract.input[1] = _added(graph, f"{subtract.name}_rounded", np.full_like(constants[read[0]], zero_point))
    layer.input[0] = padded.output[0]
    layer.input[1] = _added(graph, f"{read[2]}_padded", np.pad(weight, ((0, 0), (0, added), (0, 0), (0, 0))))
    layer.input[2] = _added(graph, f"{read[3]}_moved", moved.astype(np.float32))
    _drop_unread(graph)
    return IntegerInput(padded.output[0], 1 / deviation, zero_point, sides)


def read_pixels(quantised: onnx.ModelProto, pixels: IntegerInput) -> None:
    """Feed the pixels to the first convolution in place of their normalised values.

    Args:
        quantised: the Q/DQ form of the network, in which `pixels.tensor` has that scale and zero point; changed in
            place.
        pixels: as `prepare_pixels` gave it.
    """
    graph = quantised.graph
    made = {output: node for node in graph.node for output in node.output}
    node: onnx.NodeProto | None = made[pixels.tensor]
    (quantise,) = (node for node in graph.node if pixels.tensor in node.input)
    graph.node.remove(quantise)
    while node is not None:
        graph.node.remove(node)
        node = made.get(node.input[0])
    value = _added(graph, "images_value", np.array(pixels.zero_point, np.uint8))
    names = [graph.input[0].name, pixels.sides, value]
    graph.node.insert(0, helper.make_node("Pad", names, [quantise.output[0]], "images_pad"))
    _drop_unread(graph)


def _chain(graph: onnx.GraphProto) -> list[onnx.NodeProto] | None:
    """Return Sub, Div and Conv behind the cast of the only input, None without."""
    nodes, name = [], graph.input[0].name
    for kind in ("Cast", "Sub", "Div", "Conv"):
        readers = [node for node in graph.node if name in node.input]
        if len(readers) != 1 or readers[0].op_type != kind or readers[0].input[0] != name:
            return None
        nodes.append(readers[0])
        name = readers[0].output[0]
    return nodes[1:]


def _added(graph: onnx.GraphProto, name: str, value: npt.NDArray[np.generic]) -> str:
    graph.initializer.append(numpy_helper.from_array(value, name))
    return name


def _drop_unread(graph: onnx.GraphProto) -> None:
    read = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in read]:
        graph.initializer.remove(tensor)
