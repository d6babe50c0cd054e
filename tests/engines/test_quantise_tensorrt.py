"""The form for TensorRT: symmetric INT8 where TensorRT fuses it, FP16 around it, the float network's answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from onnx import TensorProto, numpy_helper  # noqa: E402
from torch import nn  # noqa: E402  # only where torch is installed

from whatsit.engines.activation_ranges import symmetric_ranges  # noqa: E402
from whatsit.engines.export import export_onnx  # noqa: E402
from whatsit.engines.fp16 import to_fp16  # noqa: E402
from whatsit.engines.onnx_graph import prepare_float  # noqa: E402
from whatsit.engines.onnx_runner import OnnxRunner  # noqa: E402
from whatsit.engines.quantise_tensorrt import place_pairs, quantise_tensorrt  # noqa: E402


class Residual(nn.Module):
    """Stem, a depthwise-separable residual block, a head and a norm."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.expand = nn.Conv2d(16, 32, 1)
        self.depthwise = nn.Conv2d(32, 32, 3, padding=1, groups=32)
        self.project = nn.Conv2d(32, 16, 1)
        self.head = nn.Linear(16, 8)
        for layer in (self.stem, self.expand, self.depthwise, self.project):
            nn.init.normal_(layer.weight, std=2 / layer.weight[0].numel() ** 0.5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = nn.functional.relu6(self.stem((images.float() - 127.5) / 127.5))
        y = nn.functional.relu6(self.depthwise(nn.functional.relu6(self.expand(x))))
        x = x + self.project(y)
        return nn.functional.normalize(self.head(x.mean((2, 3))), dim=1)


def pictures(count: int, seed: int) -> np.ndarray:
    corners = np.random.default_rng(seed).integers(0, 256, (count, 3, 2, 2)).astype(np.float32)
    return nn.functional.interpolate(torch.from_numpy(corners), size=32, mode="bilinear").numpy().astype(np.uint8)


@pytest.fixture(scope="module")
def floating(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("net") / "float.onnx"
    export_onnx(Residual(), path, 32, ["embedding"])
    return path


@pytest.fixture(scope="module")
def quantised(floating: Path) -> onnx.ModelProto:
    return quantise_tensorrt(prepare_float(floating), [pictures(16, seed=1)], keep_float=["/head/*"])


def test_pairs_stand_where_tensorrt_fuses_them(quantised: onnx.ModelProto) -> None:
    nodes = {node.name: node for node in quantised.graph.node}
    producers = {name: node for node in quantised.graph.node for name in node.output}
    for layer in ("/expand/Conv", "/depthwise/Conv", "/project/Conv"):
        kinds = [producers[name].op_type for name in nodes[layer].input[:2]]
        assert kinds == ["DequantizeLinear", "DequantizeLinear"]
        assert nodes[layer].input[2] in {tensor.name for tensor in quantised.graph.initializer}  # the bias stays float
    add = next(node for node in quantised.graph.node if node.op_type == "Add" and "project" in str(node.input))
    kinds = sorted(producers[name].op_type for name in add.input)
    assert kinds == ["Conv", "DequantizeLinear"]  # the convolution's side goes without, the residual has its own pair
    assert producers[nodes["/stem/Conv"].input[0]].op_type != "DequantizeLinear"
    zeros = [numpy_helper.to_array(t) for t in quantised.graph.initializer if t.name.endswith("/zero")]
    assert zeros
    assert all(zero.dtype == np.int8 and not zero.any() for zero in zeros)


def test_weights_are_int8_by_output_channel(quantised: onnx.ModelProto, floating: Path) -> None:
    tensors = {t.name: numpy_helper.to_array(t) for t in quantised.graph.initializer}
    source = {t.name: numpy_helper.to_array(t) for t in onnx.load(floating).graph.initializer}
    weight = next(value for value in source.values() if value.shape == (32, 16, 1, 1))
    stored, scale = tensors["/expand/Conv/weight/int8"], tensors["/expand/Conv/weight/scale"]
    assert stored.dtype == np.int8
    assert np.abs(stored).max() <= 127
    np.testing.assert_array_equal(scale, scale.astype(np.float16).astype(np.float32))  # what FP16 can hold
    error = np.abs(stored * scale.reshape(-1, 1, 1, 1) - weight)
    assert (error <= scale.reshape(-1, 1, 1, 1) / 2 + 1e-7).all()


def test_half_is_half_and_keeps_its_tensors(quantised: onnx.ModelProto, floating: Path, tmp_path: Path) -> None:
    images = pictures(32, seed=2)
    with OnnxRunner(floating) as runner:
        want = runner.run({"images": images})["embedding"]
    for name, model, least in (("fp16", prepare_float(floating), 0.9999), ("int8", quantised, 0.995)):
        path = tmp_path / f"{name}.onnx"
        half = to_fp16(model)
        onnx.save(half, path)
        kinds = {tensor.name: tensor.data_type for tensor in half.graph.initializer}
        for node in half.graph.node:
            if node.op_type in {"Conv", "Gemm"}:  # no weight is left in float32
                assert TensorProto.FLOAT not in {kinds.get(name) for name in node.input}
        with OnnxRunner(path, optimise=False) as runner:
            assert str(runner.inputs[0]) == "images uint8[n,3,32,32]"
            assert str(runner.outputs[0]) == "embedding float32[n,8]"
            got = runner.run({"images": images})["embedding"]
        np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, atol=1e-5)  # the norm itself is in float32
        assert (want * got).sum(axis=1).mean() > least


def test_what_a_recipe_keeps_in_float32_stays(floating: Path) -> None:
    half = to_fp16(prepare_float(floating), float32=["/expand/*"])
    kinds = {tensor.name: tensor.data_type for tensor in half.graph.initializer}
    nodes = {node.name: node for node in half.graph.node}
    assert kinds[nodes["/expand/Conv"].input[1]] == TensorProto.FLOAT
    assert kinds[nodes["/project/Conv"].input[1]] == TensorProto.FLOAT16


def test_ranges(floating: Path) -> None:
    model, images = prepare_float(floating), pictures(16, seed=1)
    tensors = place_pairs(model.graph, ["/head/*"]).tensors(model.graph)
    largest, cut, least = (symmetric_ranges(model, tensors, [images], how) for how in ("max", "percentile", "mse"))
    watched = onnx.ModelProto.FromString(model.SerializeToString())
    watched.graph.output.append(onnx.helper.make_tensor_value_info(tensors[0], TensorProto.FLOAT, None))
    import onnxruntime as ort

    session = ort.InferenceSession(watched.SerializeToString(), providers=["CPUExecutionProvider"])
    values = np.abs(session.run([tensors[0]], {"images": images})[0])
    assert largest[tensors[0]] == pytest.approx(values.max())
    assert cut[tensors[0]] == pytest.approx(np.quantile(values, 0.99995), rel=0.01)

    def error(limit: float) -> float:
        return float(((np.round(values / limit * 127).clip(-127, 127) * limit / 127 - values) ** 2).mean())

    assert error(least[tensors[0]]) <= 1.02 * min(error(share * largest[tensors[0]]) for share in (0.4, 0.7, 0.9, 1))
