"""Blocks of the scan network: large kernels, and three levels on one map."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whatsit.models.csp_darknet import ConvSilu, PathAggregation, SeparableSilu
from whatsit.models.deformable import DeformableConv

TOWER = 64
OWN = 5
SPREAD = 0.09
"""Standard deviation of a centre's Gaussian, as a share of the box's side."""
LEAST_SPREAD = 0.6
"""Its least value, in cells."""


class LargeKernelBlock(nn.Module):
    """A depthwise k x k convolution, then two 1x1, added to the input.

    As in ConvNeXt (Liu et al., 2022) without its norm: the last 1x1 starts at 0, so the block starts as the identity.

    Args:
        channels: of the input and of the output.
        kernel: k, odd.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.wide = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.expand = nn.Conv2d(channels, 2 * channels, 1)
        self.project = nn.Conv2d(2 * channels, channels, 1)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(cast(Tensor, self.project.bias))

    def forward(self, x: Tensor) -> Tensor:
        """f32 [n, c, h, w] -> the same shape."""
        return x + cast(Tensor, self.project(F.relu(self.expand(self.wide(x)))))


class DeformableBlock(nn.Module):
    """ReLU and a deformable convolution, scaled from 0, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = DeformableConv(channels)
        self.gain = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """f32 [n, c, h, w] -> the same shape."""
        return x + self.gain * cast(Tensor, self.conv(F.relu(x)))


class LevelTower(nn.Module):
    """The box half of YOLOX's head of one level, without its last layer.

    Args:
        inputs: channels of the level.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.stem = ConvSilu(inputs, TOWER)
        self.box_tower = nn.Sequential(*(SeparableSilu(TOWER, TOWER) for _ in range(2)))


class LevelFusion(nn.Module):
    """Brings the three levels of a pyramid onto one map of stride 8 or 4.

    Each level is made finer by sub-pixel convolutions (Shi et al., 2016). From its tower come five channels of its own,
    which begin as that level's box and objectness seen from the fine cell; from its stem the channels that all levels
    add to.

    Args:
        shared: channels that all levels add to.
        stride: of the map, 8 or 4.
        fine: channels of the backbone's map of stride 4; needed for stride 4 alone.
        kernel: of the large-kernel block on the stem of stride 16.
        deformable: put a deformable block there instead.
    """

    def __init__(self, shared: int, stride: int, fine: int, kernel: int, deformable: bool) -> None:
        super().__init__()
        self.factors = [level // stride for level in PathAggregation.strides]
        self.towers = nn.ModuleList(LevelTower(channels) for channels in PathAggregation.channels)
        self.wide_16 = DeformableBlock(TOWER) if deformable else LargeKernelBlock(TOWER, kernel)
        self.own = nn.ModuleList(nn.Conv2d(TOWER, OWN * factor**2, 1) for factor in self.factors)
        self.share = nn.ModuleList(nn.Conv2d(TOWER, shared * factor**2, 1) for factor in (1, 2, 4))
        self.fine = FineMap(shared, fine) if stride == 4 else None

    def look(self, levels: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Map f32 [n, 64|128|256, h/8|16|32, w/8|16|32] to each level's stem and tower."""
        stems = [cast(LevelTower, tower).stem(level) for tower, level in zip(self.towers, levels, strict=True)]
        return stems, [cast(LevelTower, t).box_tower(stem) for t, stem in zip(self.towers, stems, strict=True)]

    def forward(self, stems: list[Tensor], towers: list[Tensor], fine: Tensor | None) -> tuple[list[Tensor], Tensor]:
        """Bring what `look` returns onto the fine map.

        Returns:
            f32 [n, 5, h/stride, w/stride] of each level (x, y, log width, log height, objectness), and the shared
            channels.
        """
        own, common = [], []
        for number, (stem, tower) in enumerate(zip(stems, towers, strict=True)):
            own.append(_finer(self.own[number](tower), self.factors[number]))
            common.append(_finer(self.share[number](self.wide_16(stem) if number == 1 else stem), 2**number))
        shared = common[0] + common[1] + common[2]
        return own, shared if self.fine is None or fine is None else self.fine(shared, fine)

    @torch.no_grad()
    def start(self, number: int, weight: Tensor, bias: Tensor) -> None:
        """Begin a level's own channels as its predictions, seen from each fine cell.

        Args:
            number: of the level.
            weight: [5, 64, 1, 1] of x, y (in cells of the level), log width and height (in such cells), objectness.
            bias: [5].
        """
        factor = self.factors[number]
        conv = cast(nn.Conv2d, self.own[number])
        scale = torch.tensor([factor, factor, 1.0, 1.0, 1.0])
        conv.weight.copy_((weight * scale.reshape(5, 1, 1, 1)).repeat_interleave(factor**2, dim=0))
        table = (bias * scale)[:, None, None].repeat(1, factor, factor)
        table[0] -= torch.arange(factor)[None, :]
        table[1] -= torch.arange(factor)[:, None]
        table[2:4] += math.log(factor)
        cast(Tensor, conv.bias).copy_(table.reshape(-1))


class LevelGate(nn.Module):
    """Scores the cell as a centre for each level, and takes the box of the best.

    A level's score is its objectness less a share of the squared distance from its box's middle, in the standard
    deviations of the Gaussian that training draws: a box is a peak at its middle alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sharpness, self.decay = nn.Parameter(torch.full((1,), 3.0)), nn.Parameter(torch.full((1,), 0.5))

    def forward(self, own: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Map the levels' f32 [n, 5, h, w] to a logit [n, 1], log size and offset [n, 2]."""
        scores = torch.cat([self._score(level) for level in own], dim=1)
        gate = torch.softmax(scores * self.sharpness, dim=1)
        mixed = own[0][:, :4] * gate[:, :1] + own[1][:, :4] * gate[:, 1:2] + own[2][:, :4] * gate[:, 2:]
        return (scores * gate).sum(dim=1, keepdim=True), mixed[:, 2:], mixed[:, :2]

    def _score(self, level: Tensor) -> Tensor:
        steep = (torch.exp(-level[:, 2:4].clamp(-2.0, 6.0)) / SPREAD).clamp(max=1 / LEAST_SPREAD)
        away = (level[:, :2] - 0.5) * steep
        away = away.clamp(-8.0, 8.0)
        return level[:, 4:5] - (away * away).sum(dim=1, keepdim=True) * self.decay


class FineMap(nn.Module):
    """A map of stride 8 brought to stride 4, with the backbone's map there."""

    def __init__(self, channels: int, fine: int) -> None:
        super().__init__()
        self.up, self.side = nn.Conv2d(channels, 4 * channels, 1), nn.Conv2d(fine, channels, 1)

    def forward(self, x: Tensor, fine: Tensor) -> Tensor:
        """f32 [n, c, h, w] and [n, fine, 2h, 2w] -> [n, c, 2h, 2w]."""
        return _finer(self.up(x), 2) + cast(Tensor, self.side(fine))


def _finer(x: Tensor, factor: int) -> Tensor:
    return F.pixel_shuffle(x, factor) if factor > 1 else x
