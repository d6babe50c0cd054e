"""Gates on the last feature map, computed again with numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.models.attention import ChannelAttention, SpatialAttention, attention  # noqa: E402 (after the skip)
from whatsit.models.embedder import Embedder, EmbedderForExport  # noqa: E402


def random_start(module: torch.nn.Module) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5, generator=generator)
    return module


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


MAP = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 6, 5, 4)).astype(np.float32))


def test_channels_are_gated_by_squeeze_and_excitation() -> None:
    module = random_start(ChannelAttention(6, reduction=2))
    w1, b1, w2, b2 = (p.detach().numpy().squeeze() for p in module.parameters())
    x = MAP.numpy()
    gates = 2 * sigmoid(np.maximum(x.mean(axis=(2, 3)) @ w1.T + b1, 0) @ w2.T + b2)
    np.testing.assert_allclose(module(MAP).detach().numpy(), x * gates[:, :, None, None], rtol=1e-4, atol=1e-5)


def test_places_are_gated_by_mean_and_maximum_of_their_neighbourhood() -> None:
    module = random_start(SpatialAttention(kernel=3))
    weight, bias = (p.detach().numpy() for p in module.parameters())
    x = MAP.numpy()
    described = np.pad(np.stack([x.mean(axis=1), x.max(axis=1)], axis=1), ((0, 0), (0, 0), (1, 1), (1, 1)))
    gates = np.empty((2, 5, 4))
    for n, row, column in np.ndindex(gates.shape):
        window = described[n, :, row : row + 3, column : column + 3]
        gates[n, row, column] = 2 * sigmoid((window * weight[0]).sum() + bias[0])
    np.testing.assert_allclose(module(MAP).detach().numpy(), x * gates[:, None], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["none", "channel", "spatial", "both"])
def test_attention_starts_as_if_it_were_not_there(kind: str) -> None:
    torch.testing.assert_close(attention(kind, 6)(MAP), MAP)


def test_a_checkpoint_from_before_attention_still_loads() -> None:
    network = Embedder.from_recipe({"dimension": 8})
    network.load_state_dict(Embedder(8).state_dict())
    assert not [name for name in network.state_dict() if name.startswith("attention")]


@pytest.mark.slow
def test_attention_survives_export_and_quantisation(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from whatsit.engines.export import export_onnx
    from whatsit.engines.onnx_runner import OnnxRunner
    from whatsit.engines.quantise_cpu import quantise_cpu

    torch.manual_seed(0)
    network = Embedder.from_recipe({"dimension": 8, "attention": "both"})
    random_start(network.attention)
    export_onnx(EmbedderForExport(network), tmp_path / "float.onnx", 64, ["embedding"])
    images = np.random.default_rng(0).integers(0, 256, (8, 3, 64, 64), dtype=np.uint8)
    quantise_cpu(tmp_path / "float.onnx", tmp_path / "int8.onnx", [images], keep_float=["/network/head/*"])
    with OnnxRunner(tmp_path / "float.onnx") as first, OnnxRunner(tmp_path / "int8.onnx") as second:
        x, y = (runner.run({"images": images})["embedding"] for runner in (first, second))
    assert (x * y).sum(axis=1).mean() > 0.9
