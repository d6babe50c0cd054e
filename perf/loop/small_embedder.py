"""An embedder that costs nothing, for measurements of what is around it."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write_small_embedder(target: Path, seed: int) -> Path:
    """Write a network of the embedder's form: mean colours of 16 places, turned at random; return the file.

    Args:
        target: the file to write.
        seed: of the turn.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = np.random.default_rng(seed).standard_normal((48, 128)).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("AveragePool", ["pixels"], ["means"], kernel_shape=[56, 56], strides=[56, 56]),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["turned"]),
        helper.make_node("LpNormalization", ["turned"], ["embedding"], axis=1, p=2),
    ]
    inputs = [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", 3, 224, 224])]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 128])]
    graph = helper.make_graph(nodes, "small", inputs, outputs, [numpy_helper.from_array(weight, "weight")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    target.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(target))
    return target
