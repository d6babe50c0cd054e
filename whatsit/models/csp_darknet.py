"""CSPDarknet with path aggregation as in YOLOX-nano (Ge et al., 2021)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvSilu(nn.Sequential):
    """A convolution with bias, then SiLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups), nn.SiLU(inplace=True))


class SeparableSilu(nn.Sequential):
    """3x3 depthwise, then 1x1, each followed by SiLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(ConvSilu(inputs, inputs, 3, stride, groups=inputs), ConvSilu(inputs, outputs))


class Bottleneck(nn.Module):
    """1x1, then a separable 3x3; the input is added where `shortcut`."""

    def __init__(self, channels: int, shortcut: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(ConvSilu(channels, channels), SeparableSilu(channels, channels))
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """float32 [n, c, h, w] -> the same shape."""
        y = cast(Tensor, self.layers(x))
        return x + y if self.shortcut else y


class CspLayer(nn.Module):
    """Cross stage partial layer (Wang et al., 2020): half of the channels bypass it."""

    def __init__(self, inputs: int, outputs: int, bottlenecks: int = 1, shortcut: bool = False) -> None:
        super().__init__()
        half = outputs // 2
        self.through, self.around = ConvSilu(inputs, half), ConvSilu(inputs, half)
        self.bottlenecks = nn.Sequential(*(Bottleneck(half, shortcut) for _ in range(bottlenecks)))
        self.join = ConvSilu(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """float32 [n, inputs, h, w] -> [n, outputs, h, w]."""
        return cast(Tensor, self.join(torch.cat([self.bottlenecks(self.through(x)), self.around(x)], dim=1)))


class SpatialPyramidPooling(nn.Module):
    """The maxima of 5, 9 and 13 cells around each cell beside the cell itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.narrow, self.join = ConvSilu(channels, channels // 2), ConvSilu(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """float32 [n, c, h, w] -> the same shape."""
        x = self.narrow(x)
        pooled = [F.max_pool2d(x, side, 1, side // 2) for side in (5, 9, 13)]
        return cast(Tensor, self.join(torch.cat([x, *pooled], dim=1)))


class CspDarknet(nn.Module):
    """The backbone, width 0.25, depth 0.33.

    Input: float32 [n, 3, h, w], RGB 0..255, h and w multiples of 32. YOLOX's focus layer (space to depth, then 3x3) is
    one 6x6 convolution of stride 2 here, and its BGR order is turned in the weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(3, 16, 6, 2, 2), nn.SiLU(inplace=True)),
                nn.Sequential(SeparableSilu(16, 32, 2), CspLayer(32, 32, 1, shortcut=True)),
                nn.Sequential(SeparableSilu(32, 64, 2), CspLayer(64, 64, 3, shortcut=True)),
                nn.Sequential(SeparableSilu(64, 128, 2), CspLayer(128, 128, 3, shortcut=True)),
                nn.Sequential(SeparableSilu(128, 256, 2), SpatialPyramidPooling(256), CspLayer(256, 256)),
            ]
        )
        self._frozen = 0

    def stages(self, x: Tensor, finest: int = 8) -> dict[int, Tensor]:
        """Return maps of strides 8, 16, 32: f32 [n, 64|128|256, h/stride, w/stride].

        A `finest` of 4 adds that stride's map of 32 channels. In training on a CPU the frozen blocks see one picture at
        a time: their wide maps then stay in the cache.
        """
        maps = []
        if self.training and self._frozen and x.device.type == "cpu":
            with torch.no_grad():
                rows = [self._walk(row, 0, self._frozen) for row in torch.split(x, 1)]
            maps = [torch.cat(level) for level in zip(*rows, strict=True)]
            x = maps[-1]
        maps += self._walk(x, len(maps), len(self.blocks))
        return {2**i: level for i, level in enumerate(maps, 1) if 2**i >= finest}

    def freeze(self, until_block: int) -> None:
        """Stop training the stem (0) and the blocks 1..until_block of four; -1 frees all."""
        self._frozen = until_block + 1
        for number, block in enumerate(self.blocks):
            block.requires_grad_(number > until_block)

    def _walk(self, x: Tensor, start: int, stop: int) -> list[Tensor]:
        maps = []
        for block in self.blocks[start:stop]:  # type: ignore[union-attr]  # a slice of a ModuleList is one
            x = block(x)
            maps.append(x)
        return maps


class PathAggregation(nn.Module):
    """Path aggregation (Liu et al., 2018) of strides 8, 16, 32, as in YOLOX."""

    strides: tuple[int, ...] = (8, 16, 32)
    channels = (64, 128, 256)
    """Of the maps it returns."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow_32, self.down_16 = ConvSilu(256, 128), CspLayer(256, 128)
        self.narrow_16, self.down_8 = ConvSilu(128, 64), CspLayer(128, 64)
        self.shrink_8, self.up_16 = SeparableSilu(64, 64, 2), CspLayer(128, 128)
        self.shrink_16, self.up_32 = SeparableSilu(128, 128, 2), CspLayer(256, 256)

    def forward(self, stages: dict[int, Tensor]) -> list[Tensor]:
        """Map backbone maps by stride to f32 [n, channels[i], h, w] in order of `strides`."""
        narrow_32 = self.narrow_32(stages[32])
        down_16 = self.down_16(torch.cat([_doubled(narrow_32), stages[16]], dim=1))
        narrow_16 = self.narrow_16(down_16)
        fine = self.down_8(torch.cat([_doubled(narrow_16), stages[8]], dim=1))
        middle = self.up_16(torch.cat([self.shrink_8(fine), narrow_16], dim=1))
        coarse = self.up_32(torch.cat([self.shrink_16(middle), narrow_32], dim=1))
        return [fine, middle, coarse]


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
