"""RetinaNet (Lin et al., 2017) with two streams on shared features: class-free objects and product classes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whatsit.models.anchors import decode, make_anchors
from whatsit.models.fpn import FeaturePyramid, SeparableConv

_PRIOR = 0.01


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
    """

    def __init__(
        self,
        backbone: nn.Module,
        stage_channels: Mapping[int, int],
        classes: int,
        channels: int = 96,
        depth: int = 2,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.pyramid = FeaturePyramid(stage_channels, channels)
        self.classes = classes
        levels = len(self.pyramid.strides)
        self.label_tower = Tower(channels, depth, levels)
        self.box_tower = Tower(channels, depth, levels)
        self.label_head = nn.Conv2d(channels, 1 + classes, 1)
        self.box_head = nn.Conv2d(channels, 4, 1)
        nn.init.normal_(self.label_head.weight, std=0.01)
        nn.init.constant_(self.label_head.bias, -math.log((1 - _PRIOR) / _PRIOR))  # type: ignore[arg-type]
        nn.init.normal_(self.box_head.weight, std=0.01)
        nn.init.zeros_(self.box_head.bias)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> DenseOutput:
        """Run on normalised pixels, float32 [n, 3, S, S], (RGB - 127.5) / 127.5; S a multiple of 32."""
        levels = self.pyramid(self.backbone.stages(images))  # type: ignore[operator]
        labels = [_rows(self.label_head(self.label_tower(x, i)), 1 + self.classes) for i, x in enumerate(levels)]
        deltas = [_rows(self.box_head(self.box_tower(x, i)), 4) for i, x in enumerate(levels)]
        anchors = make_anchors(self.level_sizes(images.shape[-1]), self.pyramid.strides).to(images.device)
        label = torch.cat(labels, dim=1)
        return DenseOutput(label[..., 0], label[..., 1:], torch.cat(deltas, dim=1), anchors)

    def level_sizes(self, size: int) -> list[tuple[int, int]]:
        """Height and width of each pyramid level, in cells, for square pictures of `size` pixels."""
        return [(-(-size // stride), -(-size // stride)) for stride in self.pyramid.strides]


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
        strides = network.pyramid.strides
        self.register_buffer("anchors", make_anchors(network.level_sizes(size), strides), persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Detect.

        Args:
            images: uint8 [n, 3, size, size], RGB letterboxes.

        Returns:
            boxes float32 [n, top, 4] (x1,y1,x2,y2 pixels inside the canvas), scores float32 [n, top] (0..1,
            descending), labels int32 [n, top] (0 = any object, 1.. = product classes). No NMS.
        """
        dense = self.network((images.float() - 127.5) / 127.5)
        best, product = dense.classes.max(dim=2)
        scores = torch.cat([dense.objects, best], dim=1).sigmoid()
        labels = torch.cat([torch.zeros_like(product), product + 1], dim=1)
        top_scores, index = scores.topk(self.top, dim=1)
        count = self.anchors.shape[0]
        row = torch.where(index >= count, index - count, index)
        deltas = dense.deltas.gather(1, row.unsqueeze(-1).expand(-1, -1, 4))
        boxes = decode(deltas, self.anchors[row]).clamp(0, self.size)
        return boxes, top_scores, labels.gather(1, index).to(torch.int32)
