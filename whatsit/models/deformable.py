"""Deformable convolution that exports to ONNX standard operators and to ncnn."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_TAPS = 9


class DeformableConv(nn.Module):
    """A modulated 3x3 deformable convolution (Zhu et al., 2019, DCNv2) of stride 1.

    Each of the nine taps reads the map where a learnt offset puts it, bilinearly and 0 outside, and is weighted by a
    learnt mask. Here it is nine `grid_sample`s and one 1x1 convolution, which is `GridSample` in ONNX opset 16; for
    ncnn, `whatsit.engines.export_ncnn` replaces it by `DeformableConv2D`.

    Args:
        channels: of the input and of the output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.offsets = nn.Conv2d(channels, 3 * _TAPS, 3, padding=1)
        self.weight = nn.Parameter(torch.empty(channels, channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(channels))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
        nn.init.zeros_(self.offsets.weight)
        nn.init.zeros_(self.offsets.bias)  # type: ignore[arg-type]  # a convolution has one here

    @staticmethod
    def split_raw(raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return offsets f32 [n, 18, h, w] (dy, dx of each tap) and the mask [n, 9, h, w]."""
        return raw[:, : 2 * _TAPS], torch.sigmoid(raw[:, 2 * _TAPS :])

    def forward(self, x: Tensor) -> Tensor:
        """f32 [n, c, h, w] -> the same shape."""
        offset, mask = self.split_raw(self.offsets(x))
        height, width = x.shape[-2], x.shape[-1]
        rows = torch.arange(height, device=x.device, dtype=x.dtype).reshape(1, height, 1)
        columns = torch.arange(width, device=x.device, dtype=x.dtype).reshape(1, 1, width)
        taps = []
        for tap in range(_TAPS):
            y = rows + (tap // 3 - 1) + offset[:, 2 * tap]
            z = columns + (tap % 3 - 1) + offset[:, 2 * tap + 1]
            grid = torch.stack([(2 * z + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)
            read = F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
            taps.append(read * mask[:, tap : tap + 1])
        weight = self.weight.permute(0, 2, 3, 1).reshape(self.weight.shape[0], -1, 1, 1)
        return F.conv2d(torch.cat(taps, dim=1), weight, self.bias)
