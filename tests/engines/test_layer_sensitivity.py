"""The search for the layers that quantisation hurts finds the one that was made to hurt, and leaves out no more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from torch import nn  # noqa: E402  # only where torch is installed

from whatsit.engines.export import export_onnx  # noqa: E402
from whatsit.engines.layer_sensitivity import find_float_layers, layer_sensitivity  # noqa: E402
from whatsit.engines.onnx_graph import prepare_float  # noqa: E402


class Uneven(nn.Module):
    """Four layers; the input of `second` has one channel a thousand times the others, which it weighs accordingly."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 8, 3, stride=2)
        self.first = nn.Conv2d(8, 8, 1)
        self.second = nn.Conv2d(8, 16, 1)
        self.third = nn.Conv2d(16, 8, 1)
        with torch.no_grad():
            self.first.weight[0] *= 1000
            self.second.weight[:, 0] /= 1000

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(images.float() / 127.5 - 1))
        x = torch.relu(self.second(torch.relu(self.first(x))))
        return nn.functional.normalize(self.third(x).mean((2, 3)))


def test_finds_the_layer_that_suffers(tmp_path: Path) -> None:
    export_onnx(Uneven(), tmp_path / "m.onnx", 32, ["embedding"])
    model = prepare_float(tmp_path / "m.onnx")
    images = [np.random.default_rng(0).integers(0, 256, (16, 3, 32, 32)).astype(np.uint8)]
    harm = layer_sensitivity(model, images, images, [])
    assert max(harm, key=lambda name: harm[name]) == "/second/Conv"
    tried = []

    def passes(keep: tuple[str, ...]) -> bool:
        tried.append(keep)
        return "/second/Conv" in keep

    assert find_float_layers(model, images, images, [], passes) == ("/second/Conv",)
    assert find_float_layers(model, images, images, [], lambda keep: False) is None
    assert "/second/Conv" not in layer_sensitivity(model, images, images, ["/second/*"])
