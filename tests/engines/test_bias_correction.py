"""Bias correction gives every channel the float network's mean, which plain rounding does not."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from whatsit.engines.bias_correction import correct_biases  # noqa: E402

LAYERS = ["/first", "/second"]
BIAS_SCALE = 0.001


def network(weights: list[np.ndarray], biases: list[np.ndarray], int32: bool = False) -> onnx.ModelProto:
    """Two 1 x 1 convolutions with a Relu between; biases are float, or int32 with a DequantizeLinear."""
    nodes, tensors, source = [helper.make_node("Cast", ["images"], ["x"], to=TensorProto.FLOAT)], [], "x"
    for name, weight, bias in zip(LAYERS, weights, biases, strict=True):
        read = f"{name}/bias"
        tensors.append(numpy_helper.from_array(weight, f"{name}/weight"))
        if int32:
            stored = np.round(bias / BIAS_SCALE).astype(np.int32)
            tensors += [numpy_helper.from_array(stored, read), numpy_helper.from_array(np.float32(BIAS_SCALE), "scale")]
            nodes.append(helper.make_node("DequantizeLinear", [read, "scale"], [f"{read}/float"], name=f"{name}/DQ"))
            read = f"{read}/float"
        else:
            tensors.append(numpy_helper.from_array(bias, read))
        nodes.append(helper.make_node("Conv", [source, f"{name}/weight", read], [f"{name}/y"], name=name))
        nodes.append(helper.make_node("Relu", [f"{name}/y"], [f"{name}/relu"], name=f"{name}/Relu"))
        source = f"{name}/relu"
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", 3, 4, 4])
    output = helper.make_tensor_value_info(source, TensorProto.FLOAT, ["n", 5, 4, 4])
    unique = list({tensor.name: tensor for tensor in tensors}.values())
    graph = helper.make_graph(nodes, "g", [images], [output], unique)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)


def channel_means(model: onnx.ModelProto, batches: list[np.ndarray]) -> list[np.ndarray]:
    """The mean of each channel before the Relu, computed with NumPy alone."""
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    x, means = np.concatenate(batches).astype(np.float64), []
    for name in LAYERS:
        bias = tensors[f"{name}/bias"].astype(np.float64)
        bias *= BIAS_SCALE if tensors[f"{name}/bias"].dtype == np.int32 else 1
        x = np.einsum("oi,nihw->nohw", tensors[f"{name}/weight"][:, :, 0, 0].astype(np.float64), x)
        x += bias[None, :, None, None]
        means.append(x.mean(axis=(0, 2, 3)))
        x = np.maximum(x, 0)
    return means


@pytest.mark.parametrize("int32", [False, True])
def test_every_channel_keeps_its_mean(int32: bool) -> None:
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 0.02, shape).astype(np.float32) for shape in ((6, 3, 1, 1), (5, 6, 1, 1))]
    biases = [rng.normal(0, 0.3, size).astype(np.float32) for size in (6, 5)]
    source = network(weights, biases)
    rounded = network([np.round(weight * 50) / np.float32(50) for weight in weights], biases, int32)
    batches = [rng.integers(0, 256, (4, 3, 4, 4)).astype(np.uint8) for _ in range(2)]
    wanted, before = channel_means(source, batches), channel_means(rounded, batches)
    assert max(np.abs(a - b).max() for a, b in zip(wanted, before, strict=True)) > 0.1
    done = []
    correct_biases(source, rounded, LAYERS, batches, lambda *step: done.append(step))
    assert done == [(1, 2), (2, 2)]
    for want, got in zip(wanted, channel_means(rounded, batches), strict=True):
        np.testing.assert_allclose(got, want, atol=BIAS_SCALE if int32 else 1e-4)


def test_a_layer_without_bias_is_left_alone() -> None:
    source = network([np.ones((6, 3, 1, 1), np.float32), np.ones((5, 6, 1, 1), np.float32)], [np.zeros(6), np.zeros(5)])
    for node in source.graph.node:
        if node.op_type == "Conv":
            del node.input[2]
    for tensor in [tensor for tensor in source.graph.initializer if tensor.name.endswith("bias")]:
        source.graph.initializer.remove(tensor)
    quantised = onnx.ModelProto.FromString(source.SerializeToString())
    correct_biases(source, quantised, LAYERS, [np.ones((1, 3, 4, 4), np.uint8)])
    assert quantised == source
