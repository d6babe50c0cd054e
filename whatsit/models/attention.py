"""Channel and spatial attention on the last feature map.

Channels are gated by squeeze and excitation (Hu et al. 2018), places by the spatial half of CBAM (Woo et al. 2018);
"both" gates channels first, as CBAM found best. The gates are 2 * sigmoid and start at 1, so that a network that gets
attention computes at first what it computed before.
"""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn

Attention = Literal["none", "channel", "spatial", "both"]


class ChannelAttention(nn.Module):
    """Channel attention: gates of each channel from the means of all channels.

    Args:
        channels: of the map.
        reduction: factor by which the hidden layer is narrower.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.squeeze, self.excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        _start_at_one(self.excite)

    def forward(self, x: Tensor) -> Tensor:
        """Return f32 [n, c, h, w] times gates [n, c, 1, 1] of 0..2."""
        means = nn.functional.adaptive_avg_pool2d(x, 1)
        hidden = nn.functional.relu(self.squeeze(means))
        return x * (2 * torch.sigmoid(self.excite(hidden)))


class SpatialAttention(nn.Module):
    """Spatial gate from the mean and maximum of channels in a neighbourhood.

    Args:
        kernel: side of the neighbourhood in cells, odd.
    """

    def __init__(self, kernel: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2)
        _start_at_one(self.conv)

    def forward(self, x: Tensor) -> Tensor:
        """Return f32 [n, c, h, w] times gates [n, 1, h, w] of 0..2."""
        described = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        return x * (2 * torch.sigmoid(cast(Tensor, self.conv(described))))


def attention(kind: Attention, channels: int) -> nn.Module:
    """Return the module on f32 [n, channels, h, w]; the identity for "none"."""
    gates: list[nn.Module] = []
    if kind in {"channel", "both"}:
        gates.append(ChannelAttention(channels))
    if kind in {"spatial", "both"}:
        gates.append(SpatialAttention())
    return nn.Sequential(*gates)


def _start_at_one(conv: nn.Conv2d) -> None:
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(cast(Tensor, conv.bias))
