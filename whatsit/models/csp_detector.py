"""Detector that starts as YOLOX-nano, with two streams on its decoupled head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from whatsit_client.errors import Damaged

from whatsit.models.anchors import CENTRE_STD, SIZE_STD, make_anchors
from whatsit.models.csp_darknet import ConvSilu, CspDarknet, PathAggregation, SeparableSilu
from whatsit.models.mobilenet_v2 import convolutions
from whatsit.models.product_labels import PRODUCTS, of_coco
from whatsit.models.retinanet import DenseOutput, rows
from whatsit.models.yolox import COCO_NAMES

Weights = tuple[Tensor, Tensor]
_WIDTH = 64
_HEAD_PARTS = 12
_MODESTY = 2.0
_PRIOR = 0.01


class LevelHead(nn.Module):
    """The decoupled head of one pyramid level.

    Args:
        inputs: channels of the level.
        classes: number of product classes, C.
    """

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.stem = ConvSilu(inputs, _WIDTH)
        self.label_tower = nn.Sequential(*(SeparableSilu(_WIDTH, _WIDTH) for _ in range(2)))
        self.label_head = nn.Conv2d(_WIDTH, 1 + classes, 1)
        self.box_tower = nn.Sequential(*(SeparableSilu(_WIDTH, _WIDTH) for _ in range(2)))
        self.box_head = nn.Conv2d(_WIDTH, 4 + 1, 1)
        nn.init.normal_(self.label_head.weight, std=0.01)
        nn.init.constant_(self.label_head.bias, -math.log((1 - _PRIOR) / _PRIOR))  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map f32 [n, inputs, h, w] to object logits, product logits and deltas."""
        x = self.stem(x)
        label = rows(self.label_head(self.label_tower(x)), self.label_head.out_channels)
        box = rows(self.box_head(self.box_tower(x)), self.box_head.out_channels)
        there = box[..., 4:] + label[..., :1]
        return there[..., 0], torch.minimum(label[..., 1:], there), box[..., :4]


class CspDetector(nn.Module):
    """YOLOX-nano with product classes and objectness as the class-free stream.

    YOLOX's objectness alone ranks boxes as well as its product with the best class does (100 scenes of coco128 that
    training uses, 741 boxes: recall of 20 boxes 58.0 % both, AP50 51.1 and 50.6 %). Both towers may speak of it here;
    the class tower starts mute, and a product is no surer than that there is a thing at all. With anchors of one stride
    at the corners of the cells, YOLOX's box code is ours up to a factor, which the weights take.

    Args:
        start: `yolox_nano.onnx` to start from; None leaves a random start.

    Raises:
        InvalidInput: `start` is not there.
        Damaged: `start` is not this network.
    """

    def __init__(self, start: Path | None = None) -> None:
        super().__init__()
        self.backbone = CspDarknet()
        self.pyramid = PathAggregation()
        self.classes = len(PRODUCTS)
        self.heads = nn.ModuleList(LevelHead(c, self.classes) for c in self.pyramid.channels)
        if start is not None:
            self._load(start)

    def forward(self, images: Tensor) -> DenseOutput:
        """Run on RGB pixels, uint8 or float32 [n, 3, S, S], 0..255; S a multiple of 32."""
        levels = self.pyramid(self.backbone.stages(images.float()))
        said = [head(level) for head, level in zip(self.heads, levels, strict=True)]
        objects, classes, deltas = (torch.cat(part, dim=1) for part in zip(*said, strict=True))
        return DenseOutput(objects, classes, deltas, self.anchors(images.shape[-1]).to(images.device))

    @staticmethod
    def learnt(parameter: str) -> bool:
        """Return whether a parameter is pretrained: all but the product classes'."""
        return ".label_" not in parameter

    def level_sizes(self, size: int) -> list[tuple[int, int]]:
        """Return height and width of each pyramid level, in cells, for `size` pixels."""
        return [(size // stride, size // stride) for stride in self.pyramid.strides]

    def anchors(self, size: int) -> Tensor:
        """Return the anchors of square pictures of `size` pixels, float32 [A, 4], CPU."""
        return make_anchors(self.level_sizes(size), self.pyramid.strides, scale=1.0, offset=0.0)

    def _load(self, path: Path) -> None:
        stored = convolutions(path)
        body = _convs(self.backbone) + _convs(self.pyramid)
        heads = [stored[i : i + _HEAD_PARTS] for i in range(len(body), len(stored), _HEAD_PARTS)]
        try:
            with torch.no_grad():
                stored[0] = (_unfolded(stored[0][0]), stored[0][1])
                _copy(body, stored[: len(body)])
                for head, part in zip(self.heads, heads, strict=True):
                    _start(cast(LevelHead, head), part)
        except (RuntimeError, ValueError) as error:  # of torch and of zip, where shapes or numbers differ
            raise Damaged(f"{path.name} is not YOLOX-nano: its convolutions have other shapes.") from error


def _unfolded(weight: Tensor) -> Tensor:
    """Convert YOLOX's first convolution to 6x6 on RGB: [o, 12, 3, 3] -> [o, 3, 6, 6]."""
    whole = weight.new_zeros(len(weight), 3, 6, 6)
    for part, (row, column) in enumerate(((0, 0), (1, 0), (0, 1), (1, 1))):
        whole[:, :, row::2, column::2] = weight[:, 3 * part : 3 * part + 3]
    return whole.flip(1)


def _start(head: LevelHead, stored: Sequence[Weights]) -> None:
    """Fill one head from the parts of YOLOX's head.

    Each product class begins as the mean of the COCO classes that fall under it, at a low score.
    """
    _copy(_convs(head.stem) + _convs(head.label_tower), stored[:5])
    _copy(_convs(head.box_tower), stored[6:10])
    (kinds, kind_bias), (code, code_bias), (there, there_bias) = stored[5], stored[10], stored[11]
    labels = torch.tensor([of_coco(name) for name in COCO_NAMES])
    head.label_head.weight[0] = 0.0
    bias = cast(Tensor, head.label_head.bias)
    bias[0] = 0.0
    for product in range(1, head.label_head.out_channels):
        if (alike := labels == product).any():
            head.label_head.weight[product] = kinds[alike].mean(dim=0)
            bias[product] = kind_bias[alike].mean() - _MODESTY
    factor = torch.tensor([1 / CENTRE_STD] * 2 + [1 / SIZE_STD] * 2)
    head.box_head.weight.copy_(torch.cat([code * factor.reshape(4, 1, 1, 1), there]))
    cast(Tensor, head.box_head.bias).copy_(torch.cat([code_bias * factor, there_bias]))


def _convs(module: nn.Module) -> list[nn.Conv2d]:
    return [part for part in module.modules() if isinstance(part, nn.Conv2d)]


def _copy(convolutions: Sequence[nn.Conv2d], stored: Sequence[Weights]) -> None:
    for module, (weight, bias) in zip(convolutions, stored, strict=True):
        module.weight.copy_(weight)
        cast(Tensor, module.bias).copy_(bias)
