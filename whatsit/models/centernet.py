"""CenterNet of one level for phones: the scan network (Zhou et al., 2019)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from whatsit.models.anchors import CENTRE_STD, SIZE_STD
from whatsit.models.centernet_blocks import OWN, LargeKernelBlock, LevelFusion, LevelGate, LevelTower
from whatsit.models.csp_darknet import CspDarknet, PathAggregation
from whatsit.models.csp_detector import CspDetector, LevelHead
from whatsit.models.mobilenet_slim import SLIM_STAGES, MobileNetSlim
from whatsit.models.product_labels import PRODUCTS

_PRIOR = 0.02
_LARGEST_LOG = math.log(256.0)
_PIXEL = 255.0
_SHARED = 33
_QUIET = 0.25


class CenterOutput(NamedTuple):
    """Raw maps of the network at its stride.

    Args:
        heat: logits f32 [n, 24, h, w]; 0 is a thing's centre, 1.. are product classes.
        size: logarithm of width and height in cells, f32 [n, 2, h, w].
        offset: x and y from a cell's upper left corner to the centre, in cells, f32 [n, 2, h, w].
    """

    heat: Tensor
    size: Tensor
    offset: Tensor


Features = tuple[list[Tensor], list[Tensor], Tensor | None]


class CenterNet(nn.Module):
    """A centre heat map, product classes, sizes and offsets at stride 8 or 4.

    Backbone, pyramid and the box towers are YOLOX-nano's, and start as its weights. The boxes of its three levels are
    brought onto one map, where the surest becomes the cell's box; large-kernel blocks, which see a third of the
    picture, correct its score, size and offset. So the untrained network already finds what YOLOX-nano finds.

    Args:
        backbone: "csp_nano", YOLOX-nano's, or "mobilenet_v2", a slice of MobileNetV2.
        width: of "mobilenet_v2", 0.5 or 0.75.
        stride: of the maps, 8 or 4.
        kernel: of the depthwise convolutions in the large-kernel blocks.
        deformable: put a deformable block at stride 16.
        start: folder of weights to start from; None leaves a random start.

    Raises:
        InvalidInput: `start` lacks a file.
        Damaged: a file there is of another network.
    """

    def __init__(
        self,
        backbone: str = "csp_nano",
        width: float = 0.75,
        stride: int = 8,
        kernel: int = 7,
        deformable: bool = False,
        start: Path | None = None,
    ) -> None:
        super().__init__()
        self.stride = stride
        csp = backbone == "csp_nano"
        self.backbone: CspDarknet | MobileNetSlim = CspDarknet() if csp else MobileNetSlim(width)
        fine = 32 if csp else SLIM_STAGES[width][4]
        self.adapt = nn.ModuleDict() if csp else _adapters(width)
        self.pyramid = PathAggregation()
        self.fuse, self.gate = LevelFusion(_SHARED, stride, fine, kernel, deformable), LevelGate()
        inner = 3 * OWN + _SHARED
        self.trunk = nn.Sequential(*(LargeKernelBlock(inner, kernel) for _ in range(2)))
        self.centre, self.size, self.offset = _head(inner, 1), _head(inner, 2), _head(inner, 2)
        self.product = _head(inner, len(PRODUCTS), -math.log((1 - _PRIOR) / _PRIOR))
        if start is not None:
            self._load_yolox(start / "yolox_nano.onnx")
            if isinstance(self.backbone, MobileNetSlim):
                self.backbone.load(start / "mobilenet_v2_1.0_224_float.onnx")

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any], start: Path | None = None) -> CenterNet:
        """Build the network of a training recipe."""
        return cls(
            str(recipe["backbone"]),
            float(recipe["width"]),
            int(recipe["stride"]),
            int(recipe["kernel"]),
            bool(recipe["deformable"]),
            start,
        )

    def forward(self, images: Tensor) -> CenterOutput:
        """Run on RGB f32 [n, 3, h, w], 0..1; h and w multiples of 32."""
        return self.decide(*self.look(images))

    def look(self, images: Tensor) -> Features:
        """Return the stems and towers of the levels, and the map of stride 4."""
        maps = self.backbone.stages(images, self.stride)
        stages = {stride: self.adapt[str(stride)](x) if self.adapt else x for stride, x in maps.items() if stride > 4}
        stems, towers = self.fuse.look(self.pyramid(stages))
        return stems, towers, maps.get(4)

    def decide(self, stems: list[Tensor], towers: list[Tensor], fine: Tensor | None) -> CenterOutput:
        """Make the output of what `look` returns."""
        own, shared = self.fuse(stems, towers, fine)
        centre, size, offset = self.gate(own)
        # A level's box is any number where it sees nothing: the trunk gets it bounded.
        x = self.trunk(torch.cat([(torch.cat(own, dim=1) * _QUIET).clamp(-2.0, 2.0), shared], dim=1))
        heat = torch.cat([centre + self.centre(x), self.product(x)], dim=1)
        return CenterOutput(heat, (size + self.size(x)).clamp(-2.0, _LARGEST_LOG), offset + self.offset(x))

    @staticmethod
    def learnt(parameter: str) -> bool:
        """Return whether a parameter starts trained."""
        return parameter.startswith(("backbone.", "pyramid.", "fuse.towers.", "fuse.own."))

    @torch.no_grad()
    def _load_yolox(self, path: Path) -> None:
        """Copy YOLOX-nano's backbone, pyramid, box towers and box predictions."""
        source = CspDetector(path)
        if isinstance(self.backbone, CspDarknet):
            self.backbone.load_state_dict(source.backbone.state_dict())
            cast(nn.Conv2d, cast(nn.Sequential, self.backbone.blocks[0])[0]).weight.mul_(_PIXEL)
        self.pyramid.load_state_dict(source.pyramid.state_dict())
        scale = torch.tensor([CENTRE_STD, CENTRE_STD, SIZE_STD, SIZE_STD, 1.0])
        for number, part in enumerate(source.heads):
            head, tower = cast(LevelHead, part), cast(LevelTower, self.fuse.towers[number])
            tower.stem.load_state_dict(head.stem.state_dict())
            tower.box_tower.load_state_dict(head.box_tower.state_dict())
            bias = cast(Tensor, head.box_head.bias) * scale
            self.fuse.start(number, head.box_head.weight * scale.reshape(5, 1, 1, 1), bias)


class CenterNetForExport(nn.Module):
    """The scan network as clients run it.

    Args:
        network: trained.
        pixels: take uint8 pixels 0..255, as the ONNX files do; else float32 0..1, as ncnn does.
    """

    output_names = ("heat", "size", "offset")

    def __init__(self, network: CenterNet, pixels: bool = True) -> None:
        super().__init__()
        self.network, self.pixels = network, pixels

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return scores 0..1, sizes in pixels and offsets in cells; see `CenterOutput`."""
        out = self.network(images.float() / _PIXEL if self.pixels else images)
        return torch.sigmoid(out.heat), torch.exp(out.size) * float(self.network.stride), out.offset


def _head(inputs: int, outputs: int, bias: float = 0.0) -> nn.Sequential:
    """Return two 1x1 convolutions whose output begins as `bias`."""
    last = nn.Conv2d(inputs, outputs, 1)
    nn.init.zeros_(last.weight)
    nn.init.constant_(cast(Tensor, last.bias), bias)
    return nn.Sequential(nn.Conv2d(inputs, inputs, 1), nn.ReLU(inplace=True), last)


def _adapters(width: float) -> nn.ModuleDict:
    """Return 1x1 convolutions from a slice of MobileNetV2 to the pyramid's channels."""
    wanted = dict(zip(PathAggregation.strides, PathAggregation.channels, strict=True))
    return nn.ModuleDict({str(s): nn.Conv2d(SLIM_STAGES[width][s], channels, 1) for s, channels in wanted.items()})
