"""A network of NanoDet-Plus-m's shape, with random weights: only its time counts.

ShuffleNetV2 1.0 x, a pyramid of 96 channels with depthwise 5 x 5 on strides 8 to 64, two depthwise 5 x 5 in the head of
each level, 80 classes and 4 x 8 bins of distances (RangiLyu/nanodet, Apache-2.0; written anew from its description).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_WIDTH = 96
_OUT = 80 + 4 * 8


def _conv(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1, act: bool = True) -> nn.Module:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)
    return nn.Sequential(conv, nn.LeakyReLU(0.1)) if act else conv


def _separable(channels: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(_conv(channels, channels, 5, stride, channels), _conv(channels, channels))


class _Shuffle(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        half = outputs // 2
        self.stride, self.mix = stride, nn.ChannelShuffle(2)
        start = inputs if stride == 2 else half
        self.right = nn.Sequential(_conv(start, half), _conv(half, half, 3, stride, half, False), _conv(half, half))
        if stride == 2:
            self.left = nn.Sequential(_conv(inputs, inputs, 3, 2, inputs, False), _conv(inputs, half))

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 2:
            return cast(Tensor, self.mix(torch.cat([self.left(x), self.right(x)], dim=1)))
        left, right = x.chunk(2, dim=1)
        return cast(Tensor, self.mix(torch.cat([left, self.right(right)], dim=1)))


class NanoDetClass(nn.Module):
    """The network; input RGB f32 [n, 3, h, w], output one map for each of four strides."""

    output_names = ("p8", "p16", "p32", "p64")

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(3, 24, 3, 2), nn.MaxPool2d(3, 2, 1))
        stages, channels = [], 24
        for outputs, repeats in ((116, 4), (232, 8), (464, 4)):
            blocks = [_Shuffle(channels if i == 0 else outputs, outputs, 2 if i == 0 else 1) for i in range(repeats)]
            stages.append(nn.Sequential(*blocks))
            channels = outputs
        self.stages = nn.ModuleList(stages)
        self.narrow = nn.ModuleList(_conv(channels, _WIDTH) for channels in (116, 232, 464))
        self.join = nn.ModuleList(nn.Sequential(_conv(2 * _WIDTH, _WIDTH), _separable(_WIDTH)) for _ in range(4))
        self.down = nn.ModuleList(_separable(_WIDTH, 2) for _ in range(3))
        self.towers = nn.ModuleList(nn.Sequential(_separable(_WIDTH), _separable(_WIDTH)) for _ in range(4))
        self.heads = nn.ModuleList(nn.Conv2d(_WIDTH, _OUT, 1) for _ in range(4))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the raw map of each stride, f32 [n, 112, h / stride, w / stride]."""
        x, maps = self.stem(images), []
        for stage, narrow in zip(self.stages, self.narrow, strict=True):
            x = stage(x)
            maps.append(narrow(x))
        p32 = maps[2]
        p16 = self.join[0](torch.cat([F.interpolate(p32, scale_factor=2.0), maps[1]], dim=1))
        p8 = self.join[1](torch.cat([F.interpolate(p16, scale_factor=2.0), maps[0]], dim=1))
        n16 = self.join[2](torch.cat([self.down[0](p8), p16], dim=1))
        n32 = self.join[3](torch.cat([self.down[1](n16), p32], dim=1))
        levels = (p8, n16, n32, self.down[2](n32))
        return tuple(head(tower(x)) for x, tower, head in zip(levels, self.towers, self.heads, strict=True))
