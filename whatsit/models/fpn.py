"""Feature pyramid network (Lin et al., 2017) with depthwise-separable smoothing, for CPUs."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F


class SeparableConv(nn.Sequential):
    """3x3 depthwise convolution, then 1x1; no norm and no activation.

    Args:
        channels: of input and output.
        stride: of the depthwise part.
    """

    def __init__(self, channels: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels, bias=False),
            nn.Conv2d(channels, channels, 1, bias=False),
        )


class FeaturePyramid(nn.Module):
    """Backbone maps of strides 8, 16, 32 to maps of one width at strides 8, 16, 32, 64.

    Args:
        in_channels: channels of the backbone's map at each stride.
        channels: width of every pyramid level.
    """

    strides = (8, 16, 32, 64)

    def __init__(self, in_channels: Mapping[int, int], channels: int = 96) -> None:
        super().__init__()
        self.channels = channels
        self.lateral = nn.ModuleDict(
            {
                str(stride): nn.Sequential(
                    nn.Conv2d(in_channels[stride], channels, 1, bias=False), nn.BatchNorm2d(channels)
                )
                for stride in self.strides[:3]
            }
        )
        self.smooth = nn.ModuleDict(
            {
                str(stride): nn.Sequential(SeparableConv(channels), nn.BatchNorm2d(channels), nn.ReLU())
                for stride in self.strides[:3]
            }
        )
        self.coarsest = nn.Sequential(SeparableConv(channels, stride=2), nn.BatchNorm2d(channels), nn.ReLU())

    def forward(self, stages: Mapping[int, Tensor]) -> list[Tensor]:
        """Fuse the levels from coarse to fine.

        Args:
            stages: stride -> float32 [n, c, h, w]; each level half the size of the one before, rounded up.

        Returns:
            Maps float32 [n, channels, h, w] in the order of `strides`.
        """
        levels: list[Tensor] = []
        above: Tensor | None = None
        for stride in reversed(self.strides[:3]):
            level = self.lateral[str(stride)](stages[stride])
            if above is not None:
                level = level + F.interpolate(above, size=level.shape[-2:], mode="nearest")
            above = level
            levels.insert(0, self.smooth[str(stride)](level))
        return [*levels, self.coarsest(levels[-1])]
