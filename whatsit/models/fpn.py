"""Feature pyramids (Lin et al., 2017): separable for CPUs, plain for GPUs."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F

_BACKBONE_STRIDES = (8, 16, 32)


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
    """Map backbone maps of strides 8, 16, 32 to one width at strides 8, 16, 32, 64.

    Args:
        in_channels: channels of the backbone's map at each stride.
        channels: width of every pyramid level.
    """

    strides: tuple[int, ...] = (8, 16, 32, 64)

    def __init__(self, in_channels: Mapping[int, int], channels: int = 96) -> None:
        super().__init__()
        self.lateral = nn.ModuleDict(
            {
                str(stride): nn.Sequential(
                    nn.Conv2d(in_channels[stride], channels, 1, bias=False), nn.BatchNorm2d(channels)
                )
                for stride in _BACKBONE_STRIDES
            }
        )
        self.smooth = nn.ModuleDict(
            {
                str(stride): nn.Sequential(SeparableConv(channels), nn.BatchNorm2d(channels), nn.ReLU())
                for stride in _BACKBONE_STRIDES
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
        levels = _top_down(self.lateral, self.smooth, stages)
        return [*levels, self.coarsest(levels[-1])]


class PlainPyramid(nn.Module):
    """Pyramid of the RetinaNet paper: 3x3 convolutions, no norms, strides 8 to 128.

    Args:
        in_channels: channels of the backbone's map at each stride.
        channels: width of every pyramid level.
    """

    strides: tuple[int, ...] = (8, 16, 32, 64, 128)

    def __init__(self, in_channels: Mapping[int, int], channels: int = 256) -> None:
        super().__init__()
        self.lateral = nn.ModuleDict({str(s): nn.Conv2d(in_channels[s], channels, 1) for s in _BACKBONE_STRIDES})
        self.smooth = nn.ModuleDict({str(s): nn.Conv2d(channels, channels, 3, padding=1) for s in _BACKBONE_STRIDES})
        self.coarser = nn.ModuleList(nn.Conv2d(channels, channels, 3, 2, padding=1) for _ in range(2))

    def forward(self, stages: Mapping[int, Tensor]) -> list[Tensor]:
        """Fuse the levels from coarse to fine; see `FeaturePyramid.forward`."""
        levels = _top_down(self.lateral, self.smooth, stages)
        levels.append(self.coarser[0](levels[-1]))
        levels.append(self.coarser[1](F.relu(levels[-1])))
        return levels


def _top_down(lateral: nn.ModuleDict, smooth: nn.ModuleDict, stages: Mapping[int, Tensor]) -> list[Tensor]:
    """Add each coarser level, doubled, to the finer lateral map; finest first."""
    levels: list[Tensor] = []
    above: Tensor | None = None
    for stride in reversed(_BACKBONE_STRIDES):
        level = lateral[str(stride)](stages[stride])
        if above is not None:
            level = level + F.interpolate(above, size=level.shape[-2:], mode="nearest")
        above = level
        levels.insert(0, smooth[str(stride)](level))
    return levels
