"""RetinaNet (Lin et al., 2017) with streams of objects and product classes."""

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
NEARLY_THE_SAME = 0.8
_GREY = (127.5, 127.5, 127.5)


class DenseOutput(NamedTuple):
    """Outputs of the heads for every anchor.

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
    """Separable convolutions shared by pyramid levels, batch norms per level.

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


def rows(x: Tensor, width: int) -> Tensor:
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
        return self.heads(self.levels(images), images.shape[-1])

    def levels(self, images: Tensor) -> list[Tensor]:
        """Return the maps of the pyramid, float32 [n, channels, h, w], finest first."""
        pixels = (images.float() - self.mean) / self.std
        return cast(list[Tensor], self.pyramid(self.backbone.stages(pixels)))  # type: ignore[operator]

    def heads(self, levels: list[Tensor], size: int) -> DenseOutput:
        """Run the heads on the maps of pictures of `size` pixels."""
        labels = [rows(self.label_head(self.label_tower(x, i)), 1 + self.classes) for i, x in enumerate(levels)]
        deltas = [rows(self.box_head(self.box_tower(x, i)), 4) for i, x in enumerate(levels)]
        label = torch.cat(labels, dim=1)
        anchors = self.anchors(size).to(label.device)
        return DenseOutput(label[..., 0], label[..., 1:], torch.cat(deltas, dim=1), anchors)

    @staticmethod
    def learnt(parameter: str) -> bool:
        """Return whether a parameter starts from trained weights, as the backbone's do."""
        return parameter.startswith("backbone.")

    def level_sizes(self, size: int) -> list[tuple[int, int]]:
        """Return height and width of each pyramid level, in cells, for `size` pixels."""
        side = int(size)  # a tensor while a graph is traced, and division of tensors rounds towards zero in ONNX
        return [(-(-side // stride), -(-side // stride)) for stride in self.pyramid.strides]

    def anchors(self, size: int) -> Tensor:
        """Return the anchors of square pictures of `size` pixels, float32 [A, 4], CPU."""
        return make_anchors(self.level_sizes(size), self.pyramid.strides)


class DetectorForExport(nn.Module):
    """Detector with its tensor contract: uint8 in, top boxes of both streams out.

    Args:
        network: a trained `RetinaNet` or `CspDetector`.
        size: side of the square canvas in pixels.
        top: number of boxes.
        candidates: so many boxes of the class-free stream are looked at first, and of those that nearly coincide only
            the best goes on, so that a thing on which many cells agree does not take all places; 0 leaves that out.
    """

    anchors: Tensor

    def __init__(self, network: nn.Module, size: int = 416, top: int = 100, candidates: int = 0) -> None:
        super().__init__()
        self.network = network
        self.size = size
        self.top = top
        self.register_buffer("anchors", network.anchors(size), persistent=False)  # type: ignore[operator]
        self.candidates = min(candidates, len(self.anchors))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Detect.

        Args:
            images: uint8 [n, 3, size, size], RGB letterboxes.

        Returns:
            boxes float32 [n, top, 4] (x1,y1,x2,y2 pixels inside the canvas), scores float32 [n, top] (0..1,
            descending), labels int32 [n, top] (0 = any object, 1.. = product classes). No NMS but for `candidates`.
        """
        dense = self.network(images)
        objects, classes, deltas, anchors = dense.objects, dense.classes, dense.deltas, self.anchors[None]
        if self.candidates:
            objects, index = objects.topk(self.candidates, dim=1)
            classes, deltas = _picked(classes, index), _picked(deltas, index)
            anchors = self.anchors[index]
        boxes = decode(deltas, anchors).clamp(0, self.size)
        best, product = classes.max(dim=2)
        scores = torch.cat([objects, best], dim=1).sigmoid()
        if self.candidates:
            scores = scores * distinct(boxes).repeat(1, 2)
        return best_of_both(boxes, scores, product, self.top)


def best_of_both(boxes: Tensor, scores: Tensor, product: Tensor, top: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the best boxes of the class-free stream and of the products.

    Args:
        boxes: float32 [n, K, 4].
        scores: float32 [n, 2 K], of any thing, then of the best product.
        product: int64 [n, K], the best product of each box, 0..
        top: number of boxes.

    Returns:
        boxes float32 [n, top, 4], scores float32 [n, top] descending, labels int32 [n, top], 0 = any object.
    """
    labels = torch.cat([torch.zeros_like(product), product + 1], dim=1)
    top_scores, index = scores.topk(top, dim=1)
    count = boxes.shape[1]
    row = torch.where(index >= count, index - count, index)
    return _picked(boxes, row), top_scores, labels.gather(1, index).to(torch.int32)


def distinct(boxes: Tensor, threshold: float = NEARLY_THE_SAME) -> Tensor:
    """Return the boxes that fast NMS keeps (Bolya et al., YOLACT, 2019).

    Args:
        boxes: float32 [n, K, 4], best first.
        threshold: IoU above which two boxes are the same; higher than an NMS's, since a dropped box drops others too.

    Returns:
        float32 [n, K], 1 or 0.
    """
    # One coordinate at a time: runtimes broadcast an innermost axis of two numbers ten times slower.
    left, top, right, bottom = boxes.unbind(dim=2)
    shared = _overlap(left, right) * _overlap(top, bottom)
    area = (right - left) * (bottom - top)
    same = shared > threshold * (area[:, :, None] + area[:, None, :] - shared)
    place = torch.arange(int(boxes.shape[1]), dtype=torch.float32, device=boxes.device)
    better = place[:, None] < place[None, :]
    return 1.0 - (same & better).float().amax(dim=1)


def _overlap(low: Tensor, high: Tensor) -> Tensor:
    """Return the shared length of intervals [n, K] in pairs, [n, K, K]."""
    ends = torch.minimum(high[:, :, None], high[:, None, :])
    return (ends - torch.maximum(low[:, :, None], low[:, None, :])).clamp(min=0)


def _picked(x: Tensor, index: Tensor) -> Tensor:
    """Return the rows `index` [n, k] of x [n, A, c]: [n, k, c]."""
    width = int(x.shape[2])  # a constant in the exported graph, so that its outputs keep their shapes
    return x.gather(1, index.unsqueeze(-1).expand(-1, -1, width))
