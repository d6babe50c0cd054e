"""Export and quantisation keep what a network answers, and a broken calibration shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput, WhatsitError

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from torch import nn  # noqa: E402  # only where torch is installed

from whatsit.engines.export import export_onnx  # noqa: E402
from whatsit.engines.onnx_runner import OnnxRunner  # noqa: E402
from whatsit.engines.quantise_cpu import quantise_cpu  # noqa: E402


class TinyNet(nn.Module):
    """Stem, a depthwise-separable residual block and a linear head, like a MobileNet in small."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.expand = nn.Conv2d(16, 32, 1)
        self.depthwise = nn.Conv2d(32, 32, 3, padding=1, groups=32)
        self.project = nn.Conv2d(32, 16, 1)
        self.head = nn.Linear(16, 8, bias=False)
        for layer in (self.stem, self.expand, self.depthwise, self.project):
            nn.init.normal_(layer.weight, std=2 / layer.weight[0].numel() ** 0.5)
            nn.init.zeros_(layer.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = (images.float() - 127.5) / 127.5
        x = nn.functional.relu6(self.stem(x))
        y = nn.functional.relu6(self.depthwise(nn.functional.relu6(self.expand(x))))
        x = x + self.project(y)
        return nn.functional.normalize(self.head(x.mean((2, 3))), dim=1)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("net") / "float.onnx"
    assert export_onnx(TinyNet(), path, 32, ["embedding"]) < 1e-4
    return path


def pictures(count: int, seed: int) -> np.ndarray:
    """Smooth random colour gradients: inputs whose means differ, as photos do."""
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 256, (count, 3, 2, 2)).astype(np.float32)
    return nn.functional.interpolate(torch.from_numpy(corners), size=32, mode="bilinear").numpy().astype(np.uint8)


def cosine(a: Path, b: Path, images: np.ndarray) -> float:
    with OnnxRunner(a) as first, OnnxRunner(b) as second:
        x, y = (runner.run({"images": images})["embedding"] for runner in (first, second))
    return float((x * y).sum(axis=1).mean())


def test_int8_answers_like_float(exported: Path, tmp_path: Path) -> None:
    target = tmp_path / "int8.onnx"
    layers = quantise_cpu(exported, target, [pictures(16, seed=1)], keep_float=["/head/*"])
    assert len(layers) == 4  # the head stays in float
    assert cosine(exported, target, pictures(32, seed=2)) > 0.995
    kinds = {node.op_type for node in onnx.load(target).graph.node}
    assert {"QuantizeLinear", "MatMul"} <= kinds
    with OnnxRunner(target) as runner:
        assert str(runner.inputs[0]) == "images uint8[n,3,32,32]"
        assert runner.outputs[0].shape == (None, 8)


def test_broken_calibration_shows(exported: Path, tmp_path: Path) -> None:
    flat = np.full((4, 3, 32, 32), 120, np.uint8)
    target = tmp_path / "broken.onnx"
    quantise_cpu(exported, target, [flat], keep_float=["/head/*"])
    assert cosine(exported, target, pictures(32, seed=2)) < 0.99


def test_same_inputs_same_bytes(exported: Path, tmp_path: Path) -> None:
    files = [tmp_path / "a.onnx", tmp_path / "b.onnx"]
    for file in files:
        quantise_cpu(exported, file, [pictures(8, seed=1)], keep_float=["/head/*"])
    assert files[0].read_bytes() == files[1].read_bytes()


def test_refuses_empty_or_wrong_calibration_and_patterns(exported: Path, tmp_path: Path) -> None:
    target = tmp_path / "none.onnx"
    with pytest.raises(InvalidInput, match="empty"):
        quantise_cpu(exported, target, [])
    with pytest.raises(InvalidInput, match="uint8"):
        quantise_cpu(exported, target, [np.zeros((1, 3, 32, 32), np.float32)])  # type: ignore[list-item]
    with pytest.raises(InvalidInput, match="matches no node"):
        quantise_cpu(exported, target, [pictures(1, seed=1)], keep_float=["/nowhere/*"])
    with pytest.raises(InvalidInput, match="left to quantise"):
        quantise_cpu(exported, target, [pictures(1, seed=1)], keep_float=["*"])


def test_export_notices_a_network_that_differs(tmp_path: Path) -> None:
    class Stateful(TinyNet):
        calls = 0

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return super().forward(images) * self.calls

    with pytest.raises(WhatsitError, match="differs from torch"):
        export_onnx(Stateful(), tmp_path / "bad.onnx", 32, ["embedding"])


def test_weights_do_not_saturate_on_any_cpu(tmp_path: Path) -> None:
    """All-equal weights and full inputs are the worst case of 16-bit sums."""

    class Worst(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.spread = nn.Conv2d(3, 8, 1)
            self.sum = nn.Conv2d(8, 4, 1)
            nn.init.constant_(self.spread.weight, 1 / 3)
            nn.init.constant_(self.sum.weight, 1.0)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.sum(nn.functional.relu(self.spread(images.float()))).mean((2, 3))

    source, target = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    export_onnx(Worst(), source, 8, ["out"])
    images = np.full((2, 3, 8, 8), 255, np.uint8)
    images[1] = 3
    quantise_cpu(source, target, [images])
    with OnnxRunner(source) as exact, OnnxRunner(target) as int8:
        want, got = (runner.run({"images": images})["out"] for runner in (exact, int8))
    np.testing.assert_allclose(got[0], want[0], rtol=0.02)


def test_silu_is_quantised_with_its_layer_and_a_lone_sigmoid_is_not(tmp_path: Path) -> None:
    from whatsit.engines.onnx_graph import select_nodes

    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.body = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)
            self.head = nn.Conv2d(4, 4, 1)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.sigmoid(self.head(nn.functional.silu(self.body(torch.relu(self.stem(images.float()))))))

    export_onnx(Gated(), tmp_path / "gated.onnx", 8, ["scores"])
    chosen = select_nodes(onnx.load(tmp_path / "gated.onnx").graph, [])
    assert [node.op_type for node in chosen] == ["Conv", "Sigmoid", "Mul", "Conv"]
    kept = select_nodes(onnx.load(tmp_path / "gated.onnx").graph, ["/body/*"])
    assert [node.name for node in kept] == ["/head/Conv"]
