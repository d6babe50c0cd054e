"""ResNet-50 v1.5 (He et al., 2016), the backbone of detectors for GPUs."""

from __future__ import annotations

from importlib import import_module
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from whatsit_client.errors import Damaged, Unavailable

_LAYOUT = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
"""Inner channels, blocks and stride of each stage; a stage gives four times its inner channels."""

STAGE_CHANNELS = {8: 512, 16: 1024, 32: 2048}
"""Channels of the feature maps that `ResNet50.stages` returns, by stride."""

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""Of RGB pixels 0..255, as published ImageNet weights expect."""


class ConvNorm(nn.Module):
    """A convolution without bias and its batch norm."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
        self.normalization = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """float32 [n, inputs, h, w] -> [n, outputs, h / stride, w / stride]."""
        return cast(Tensor, self.normalization(self.convolution(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 and the way around them."""

    def __init__(self, inputs: int, inner: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * inner
        projects = stride > 1 or inputs != outputs
        self.shortcut = ConvNorm(inputs, outputs, 1, stride) if projects else nn.Identity()
        self.layer = nn.ModuleList(
            [ConvNorm(inputs, inner), ConvNorm(inner, inner, 3, stride), ConvNorm(inner, outputs)]
        )

    def forward(self, x: Tensor) -> Tensor:
        """float32 [n, inputs, h, w] -> [n, 4 * inner, h / stride, w / stride]."""
        y = F.relu(self.layer[1](F.relu(self.layer[0](x))))
        return F.relu(self.layer[2](y) + self.shortcut(x))


class ResNet50(nn.Module):
    """ResNet-50 without classifier; batch norm statistics are frozen.

    Input: float32 [n, 3, h, w], RGB normalised by `MEAN` and `STD`, h and w multiples of 32.

    Args:
        pretrained: name of a ResNet-50 that transformers can load, such as "microsoft/resnet-50", or its folder; ""
            starts from random weights.

    Raises:
        Unavailable: transformers is not installed, or the weights cannot be fetched.
        Damaged: the weights are of another network.
    """

    def __init__(self, pretrained: str = "") -> None:
        super().__init__()
        self.stem = ConvNorm(3, 64, 7, 2)
        blocks, channels = [], 64
        for inner, count, stride in _LAYOUT:
            stage = [
                Bottleneck(channels if i == 0 else 4 * inner, inner, stride if i == 0 else 1) for i in range(count)
            ]
            blocks.append(nn.Sequential(*stage))
            channels = 4 * inner
        self.blocks = nn.ModuleList(blocks)
        if pretrained:
            self._load(pretrained)

    def stages(self, x: Tensor) -> dict[int, Tensor]:
        """Return maps of strides 8, 16, 32: f32 [n, STAGE_CHANNELS[s], h / s, w / s]."""
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2, padding=1)
        maps = []
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        return dict(zip(STAGE_CHANNELS, maps[1:], strict=True))

    def freeze(self, until_block: int) -> None:
        """Stop training the stem (0) and the stages 1..until_block of four; -1 frees all."""
        for number, part in enumerate([self.stem, *self.blocks]):
            part.requires_grad_(number > until_block)

    def train(self, mode: bool = True) -> ResNet50:
        """Switch to training, but for the batch norms."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def _load(self, name: str) -> None:
        try:
            transformers = import_module("transformers")
        except ModuleNotFoundError as error:
            raise Unavailable(f"The weights {name} need transformers: pip install transformers.") from error
        try:
            stored = transformers.AutoModel.from_pretrained(name).state_dict()
        except OSError as error:
            raise Unavailable(
                f"The weights {name} cannot be had: give a folder that holds them, or go online."
            ) from error
        tensors = self.state_dict()
        if [t.shape for t in stored.values()] != [t.shape for t in tensors.values()]:
            raise Damaged(f"{name} is no ResNet-50: its tensors have other shapes.")
        with torch.no_grad():
            for tensor, value in zip(tensors.values(), stored.values(), strict=True):
                tensor.copy_(value)
