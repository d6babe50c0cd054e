"""RetinaNet (Lin et al., 2017) with two streams on shared features: class-free objects and product classes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whatsit.models.anchors import decode, make_anchors
from whatsit.models.fpn import FeaturePyramid, PlainPyramid, SeparableConv

_PRIOR = 0.01
_GREY = (127.5, 127.5, 127.5)


class DenseOutput(NamedTuple):
    """What the heads say of every anchor.

    Attributes:
        objects: float32 [n, A], logit that a thing of any kind is here.
        classes: float32 [n, A, C], logit of each product class.
        deltas: float32 [n, A, 4], box code (see `whatsit.models.anchors`).
        anchors: float32 [A, 4], pixels.
    """

    objects: Tensor
    classes: Tensor
    deltas: Tensor
    anchors: Tensor


class Tower(nn.Module):
    """Separable convolutions shared by all pyramid levels, with batch norms of each level's own.

    The levels differ in statistics, so a shared norm would mix them (Tan et al., EfficientDet, 2020).

    Args:
        channels: width.
        depth: number of convolutions.
        levels: number of pyramid levels.
    """

    def __init__(self, channels: int, depth: int, levels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(SeparableConv(channels) for _ in range(depth))
        self.norms = nn.ModuleList(nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(depth)) for _ in range(levels))

    def forward(self, x: Tensor, level: int) -> Tensor:
        """float32 [n, c, h, w] of pyramid level `level` -> the same shape."""
        norms = self.norms[level]
        assert isinstance(norms, nn.ModuleList)
        for conv, norm in zip(self.convs, norms, strict=True):
            x = F.relu(norm(conv(x)))
        return x


class PlainTower(nn.Module):
    """The tower of the paper: full 3x3 convolutions, no norms.

    Args:
        channels: width.
        depth: number of convolutions.
    """

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        convs = [nn.Conv2d(channels, channels, 3, padding=1) for _ in range(depth)]
        for conv in convs:
            nn.init.normal_(conv.weight, std=0.01)
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]  # a Conv2d has a bias by default
        self.layers = nn.Sequential(*(part for conv in convs for part in (conv, nn.ReLU())))

    def forward(self, x: Tensor, level: int) -> Tensor:
        """float32 [n, c, h, w] -> the same shape, alike on every level."""
        return cast(Tensor, self.layers(x))


def _rows(x: Tensor, width: int) -> Tensor:
    """[n, width, h, w] -> [n, h * w, width]."""
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, width)


class RetinaNet(nn.Module):
    """Backbone, pyramid and heads.

    Args:
        backbone: its `stages` gives feature maps by stride, as `MobileNetV2` does.
        stage_channels: channels of the backbone's map at strides 8, 16, 32.
        classes: number of product classes, C.
        channels: width of pyramid and towers.
        depth: convolutions in a tower.
        plain: full convolutions without norms as in the paper, for GPUs; else separable ones.
        mean: of RGB pixels, 0..255, that the backbone expects to be taken off.
        std: by which it expects them to be divided.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        stage_channels: Mapping[int, int],
        classes: int,
        channels: int = 96,
        depth: int = 2,
        plain: bool = False,
        mean: tuple[float, float, float] = _GREY,
        std: tuple[float, float, float] = _GREY,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.classes = classes
        if plain:
            self.pyramid: FeaturePyramid | PlainPyramid = PlainPyramid(stage_channels, channels)
            self.label_tower: Tower | PlainTower = PlainTower(channels, depth)
            self.box_tower: Tower | PlainTower = PlainTower(channels, depth)
        else:
            self.pyramid = FeaturePyramid(stage_channels, channels)
            self.label_tower = Tower(channels, depth, len(self.pyramid.strides))
            self.box_tower = Tower(channels, depth, len(self.pyramid.strides))
        kernel = 3 if plain else 1
        self.label_head = nn.Conv2d(channels, 1 + classes, kernel, padding=kernel // 2)
        self.box_head = nn.Conv2d(channels, 4, kernel, padding=kernel // 2)
        nn.init.normal_(self.label_head.weight, std=0.01)
        nn.init.constant_(self.label_head.bias, -math.log((1 - _PRIOR) / _PRIOR))  # type: ignore[arg-type]
        nn.init.normal_(self.box_head.weight, std=0.01)
        nn.init.zeros_(self.box_head.bias)  # type: ignore[arg-type]
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).reshape(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> DenseOutput:
        """Run on RGB pixels, uint8 or float32 [n, 3, S, S], 0..255; S a multiple of 32."""
        pixels = (images.float() - self.mean) / self.std
        levels = self.pyramid(self.backbone.stages(pixels))  # type: ignore[operator]
        labels = [_rows(self.label_head(self.label_tower(x, i)), 1 + self.classes) for i, x in enumerate(levels)]
        deltas = [_rows(self.box_head(self.box_tower(x, i)), 4) for i, x in enumerate(levels)]
        label = torch.cat(labels, dim=1)
        anchors = self.anchors(images.shape[-1]).to(images.device)
        return DenseOutput(label[..., 0], label[..., 1:], torch.cat(deltas, dim=1), anchors)

    def level_sizes(self, size: int) -> list[tuple[int, int]]:
        """Height and width of each pyramid level, in cells, for square pictures of `size` pixels."""
        return [(-(-size // stride), -(-size // stride)) for stride in self.pyramid.strides]

    def anchors(self, size: int) -> Tensor:
        """The anchors of square pictures of `size` pixels, float32 [A, 4], on the CPU."""
        return make_anchors(self.level_sizes(size), self.pyramid.strides)


class DetectorForExport(nn.Module):
    """The detector as the server's contract wants it: uint8 in, decoded top boxes of both streams out.

    Args:
        network: a trained `RetinaNet`.
        size: side of the square canvas in pixels.
        top: number of boxes.
    """

    anchors: Tensor

    def __init__(self, network: RetinaNet, size: int = 416, top: int = 100) -> None:
        super().__init__()
        self.network = network
        self.size = size
        self.top = top
        self.register_buffer("anchors", network.anchors(size), persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Detect.

        Args:
            images: uint8 [n, 3, size, size], RGB letterboxes.

        Returns:
            boxes float32 [n, top, 4] (x1,y1,x2,y2 pixels inside the canvas), scores float32 [n, top] (0..1,
            descending), labels int32 [n, top] (0 = any object, 1.. = product classes). No NMS.
        """
        dense = self.network(images)
        best, product = dense.classes.max(dim=2)
        scores = torch.cat([dense.objects, best], dim=1).sigmoid()
        labels = torch.cat([torch.zeros_like(product), product + 1], dim=1)
        top_scores, index = scores.topk(self.top, dim=1)
        count = self.anchors.shape[0]
        row = torch.where(index >= count, index - count, index)
        deltas = dense.deltas.gather(1, row.unsqueeze(-1).expand(-1, -1, 4))
        boxes = decode(deltas, self.anchors[row]).clamp(0, self.size)
        return boxes, top_scores, labels.gather(1, index).to(torch.int32)
