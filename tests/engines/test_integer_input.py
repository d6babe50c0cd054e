"""An INT8 network whose first convolution reads the pixels answers like the float one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from torch import nn  # noqa: E402  # only where torch is installed

from whatsit.engines.export import export_onnx  # noqa: E402
from whatsit.engines.integer_input import prepare_pixels  # noqa: E402
from whatsit.engines.onnx_graph import prepare_float  # noqa: E402
from whatsit.engines.onnx_runner import OnnxRunner  # noqa: E402
from whatsit.engines.quantise_cpu import quantise_cpu  # noqa: E402


class Network(nn.Module):
    """Normalisation, a stem and a pointwise layer.

    Args:
        mean: taken off the pixels.
        deviation: by which they are divided.
        groups: of the stem.
    """

    def __init__(self, mean: float | list[float], deviation: float, groups: int = 1) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1))
        self.deviation = deviation
        self.stem, self.next = nn.Conv2d(3, 12, 3, stride=2, padding=1, groups=groups), nn.Conv2d(12, 8, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.next(self.stem((images.float() - self.mean) / self.deviation).clamp(0, 6))


def made(network: nn.Module, folder: Path) -> Path:
    path = folder / "float.onnx"
    export_onnx(network, path, 32, ["map"])
    return path


def pixels(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)


def run(path: Path, images: np.ndarray) -> np.ndarray:
    with OnnxRunner(path) as runner:
        return runner.run({"images": images})["map"]


@pytest.mark.parametrize(("mean", "deviation"), [(127.5, 127.5), (127.0, 128.0)])
def test_pixels_go_into_the_first_convolution(tmp_path: Path, mean: float, deviation: float) -> None:
    source, target = made(Network(mean, deviation), tmp_path), tmp_path / "int8.onnx"
    assert len(quantise_cpu(source, target, [pixels(16, 1)])) == 2
    kinds = [node.op_type for node in onnx.load(target).graph.node]
    assert not {"Cast", "Sub", "Div"} & set(kinds)
    want, got = run(source, pixels(8, 2)), run(target, pixels(8, 2))
    assert np.corrcoef(want.ravel(), got.ravel())[0, 1] > 0.999
    assert np.abs(want - got).mean() < 0.02 * np.abs(want).mean()


def test_rounding_the_mean_keeps_the_answers(tmp_path: Path) -> None:
    source = made(Network(127.5, 127.5), tmp_path)
    model = prepare_float(source)
    assert prepare_pixels(model) is not None
    onnx.save(model, tmp_path / "rounded.onnx")
    want, got = (run(path, pixels(4, 3)) for path in (source, tmp_path / "rounded.onnx"))
    np.testing.assert_allclose(want[:, :, 1:, 1:], got[:, :, 1:, 1:], atol=1e-5)
    np.testing.assert_allclose(want, got, atol=0.02)  # the border is padded with the rounded mean


def test_other_beginnings_stay_in_float(tmp_path: Path) -> None:
    assert prepare_pixels(prepare_float(made(Network([120.0, 118.0, 104.0], 58.0), tmp_path))) is None
    assert prepare_pixels(prepare_float(made(Network(127.5, 127.5, groups=3), tmp_path))) is None
    source = made(Network(127.5, 127.5), tmp_path)
    assert prepare_pixels(prepare_float(source), ["/stem/*"]) is None
    target = tmp_path / "int8.onnx"
    assert len(quantise_cpu(source, target, [pixels(8, 1)], keep_float=["/stem/*"])) == 1
    assert [node.op_type for node in onnx.load(target).graph.node].count("Sub") == 1
