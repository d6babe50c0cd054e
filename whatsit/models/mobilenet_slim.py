"""MobileNetV2 of half or three quarters of the width, cut from the whole one."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from whatsit.models.mobilenet_v2 import ConvClip, InvertedResidual, MobileNetV2

_REPEATS = ((1, 1, 1), (6, 2, 2), (6, 3, 2), (6, 4, 2), (6, 3, 1), (6, 2, 2))
"""Expansion, repeats and first stride of the groups of blocks (Sandler et al., 2018, table 2); the last two are cut."""
_WIDTHS = {0.5: (16, 8, 16, 16, 32, 48, 80), 0.75: (24, 16, 24, 24, 48, 72, 120)}
"""Channels of the stem and of each group, by width."""

SLIM_STAGES = {width: {4: c[2], 8: c[3], 16: c[5], 32: c[6]} for width, c in _WIDTHS.items()}
"""Channels of the maps that `MobileNetSlim.stages` returns, by width and stride."""


class MobileNetSlim(nn.Module):
    """The 16 first layers of MobileNetV2 at a width of 0.5 or 0.75.

    Input: f32 [n, 3, h, w], RGB 0..1, h and w multiples of 32. There is no permissive file of these widths at hand, so
    `load` keeps the channels with the largest weights of the whole network; training has to mend the rest.

    Args:
        width: 0.5 or 0.75.
    """

    def __init__(self, width: float) -> None:
        super().__init__()
        stem, *groups = _WIDTHS[width]
        layers: list[nn.Module] = [ConvClip(3, stem, 3, 2)]
        channels, stride, self._strides = stem, 2, {2: 0}
        for (expansion, repeats, first), outputs in zip(_REPEATS, groups, strict=True):
            for number in range(repeats):
                step = first if number == 0 else 1
                layers.append(InvertedResidual(channels, outputs, step, expansion))
                channels, stride = outputs, stride * step
                self._strides[stride] = len(layers) - 1
        self.layers = nn.ModuleList(layers)
        self._frozen = 0

    def stages(self, x: Tensor, finest: int = 8) -> dict[int, Tensor]:
        """Return the maps of strides `finest` to 32; see `SLIM_STAGES`."""
        maps = {}
        x = x * 2.0 - 1.0
        for number, layer in enumerate(self.layers):
            with torch.set_grad_enabled(torch.is_grad_enabled() and number >= self._frozen):
                x = layer(x)
            maps[number] = x
        return {stride: maps[last] for stride, last in self._strides.items() if stride >= finest}

    def freeze(self, until_block: int) -> None:
        """Freeze the stem (0) and the blocks 1..until_block; -1 frees all."""
        self._frozen = until_block + 1
        for number, layer in enumerate(self.layers):
            layer.requires_grad_(number > until_block)

    @torch.no_grad()
    def load(self, weights: Path) -> None:
        """Take the channels with the largest weights of MobileNetV2 1.0.

        Raises:
            InvalidInput: there is no such file.
            Damaged: it is not MobileNetV2.
        """
        whole = MobileNetV2(weights).layers
        stem, first = _convs(whole[0])[0], _convs(self.layers[0])[0]
        kept = _largest(_norms(stem.weight), first.out_channels)
        _copy(first, stem, kept, None)
        for number in range(1, len(self.layers)):
            block, source = cast(InvertedResidual, self.layers[number]), cast(InvertedResidual, whole[number])
            mine, theirs = _convs(block), _convs(source)
            hidden = kept
            if len(mine) == 3:
                norms = _norms(theirs[0].weight) * _norms(theirs[1].weight) * _norms(theirs[2].weight, 1)
                hidden = _largest(norms, mine[0].out_channels)
                _copy(mine[0], theirs[0], hidden, kept)
            _copy(mine[-2], theirs[-2], hidden, None)
            kept = kept if block.residual else _largest(_norms(theirs[-1].weight), mine[-1].out_channels)
            _copy(mine[-1], theirs[-1], kept, hidden)


def _convs(module: nn.Module) -> list[nn.Conv2d]:
    return [part for part in module.modules() if isinstance(part, nn.Conv2d)]


def _norms(weight: Tensor, axis: int = 0) -> Tensor:
    """Return the length of the weights of each output (0) or input (1) channel."""
    return cast(Tensor, weight.transpose(0, axis).flatten(1).norm(dim=1))


def _largest(norms: Tensor, count: int) -> Tensor:
    return norms.topk(count).indices.sort().values


def _copy(target: nn.Conv2d, source: nn.Conv2d, rows: Tensor, columns: Tensor | None) -> None:
    weight = source.weight[rows]
    target.weight.copy_(weight if columns is None else weight[:, columns])
    cast(Tensor, target.bias).copy_(cast(Tensor, source.bias)[rows])
