"""Faster R-CNN (Ren et al. 2015): region proposals and a second stage."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from whatsit.models.anchors import decode
from whatsit.models.retinanet import DenseOutput, RetinaNet, best_of_both, distinct
from whatsit.models.roi_align import roi_align

_CANDIDATES = 300
_PROPOSALS = 100
_PRIOR = 0.01
POINTS = 7


class TwoStageOutput(NamedTuple):
    """Outputs of both stages.

    Attributes:
        proposals: of the first stage; it has no classes.
        boxes: float32 [n, R, 4], proposals that the second stage looked at, pixels.
        objects: float32 [n, R], logit that a thing of any kind is there.
        classes: float32 [n, R, C], logit of each product class.
        deltas: float32 [n, R, 4], box code relative to `boxes`.
    """

    proposals: DenseOutput
    boxes: Tensor
    objects: Tensor
    classes: Tensor
    deltas: Tensor


class FasterRcnn(nn.Module):
    """Backbone, pyramid, region proposals, and a head on RoIAlign of the pyramid.

    Args:
        backbone: its `stages` gives feature maps by stride.
        stage_channels: channels of the backbone's map at strides 8, 16, 32.
        classes: number of product classes, C.
        channels: width of the pyramid.
        depth: convolutions in a tower of the first stage.
        width: of the second stage's two layers.
    """

    def __init__(
        self,
        backbone: nn.Module,
        stage_channels: Mapping[int, int],
        classes: int,
        channels: int = 96,
        depth: int = 1,
        width: int = 256,
    ) -> None:
        super().__init__()
        self.first = RetinaNet(backbone, stage_channels, 0, channels, depth)
        self.classes = classes
        self.second = nn.Sequential(
            nn.Linear(channels * POINTS * POINTS, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.label_head, self.box_head = nn.Linear(width, 1 + classes), nn.Linear(width, 4)
        nn.init.normal_(self.label_head.weight, std=0.01)
        nn.init.constant_(self.label_head.bias, -math.log((1 - _PRIOR) / _PRIOR))
        nn.init.normal_(self.box_head.weight, std=0.001)
        nn.init.zeros_(self.box_head.bias)

    @property
    def backbone(self) -> nn.Module:
        """Return the backbone."""
        return self.first.backbone

    @staticmethod
    def learnt(parameter: str) -> bool:
        """Return whether a parameter starts from trained weights, as the backbone's do."""
        return parameter.startswith("first.backbone.")

    def level_sizes(self, size: int) -> list[tuple[int, int]]:
        """Return height and width of each pyramid level, in cells, for `size` pixels."""
        return self.first.level_sizes(size)

    def anchors(self, size: int) -> Tensor:
        """Return the first stage's anchors, float32 [A, 4], CPU."""
        return self.first.anchors(size)

    def forward(self, images: Tensor, known: Sequence[Tensor] = ()) -> TwoStageOutput:
        """Run on RGB pixels, uint8 or float32 [n, 3, S, S], 0..255; S a multiple of 32.

        Args:
            images: the pictures.
            known: true boxes of each picture, float32 [G, 4], in training: the second stage sees them too.
        """
        levels = self.first.levels(images)
        dense = self.first.heads(levels, images.shape[-1])
        boxes = self._proposals(dense, images.shape[-1])
        if known:
            boxes = _with_known(boxes, known)
        strides = self.first.pyramid.strides
        read = roi_align(levels[:3], strides[:3], boxes, POINTS)
        hidden = self.second(read.flatten(2))
        label = cast(Tensor, self.label_head(hidden))
        return TwoStageOutput(dense, boxes, label[..., 0], label[..., 1:], self.box_head(hidden))

    def _proposals(self, dense: DenseOutput, size: int) -> Tensor:
        """Return the best distinct boxes of the first stage, float32 [n, R, 4]."""
        objects, index = dense.objects.detach().topk(min(_CANDIDATES, dense.objects.shape[1]), dim=1)
        four = index.unsqueeze(-1).expand(-1, -1, 4)
        boxes = decode(dense.deltas.detach().gather(1, four), dense.anchors[index]).clamp(0, size)
        # Copies lose their places but keep their order: what is left over fills up.
        order = objects.sigmoid() + distinct(boxes)
        best = order.topk(min(_PROPOSALS, boxes.shape[1]), dim=1).indices
        return boxes.gather(1, best.unsqueeze(-1).expand(-1, -1, 4))


class FasterRcnnForExport(nn.Module):
    """Faster R-CNN with the detector's tensor contract; see `DetectorForExport`.

    Args:
        network: a trained `FasterRcnn`.
        size: side of the square canvas in pixels.
        top: number of boxes.
    """

    def __init__(self, network: FasterRcnn, size: int = 416, top: int = 100) -> None:
        super().__init__()
        self.network, self.size, self.top = network, size, top

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Detect in uint8 [n, 3, size, size]; return boxes, scores and labels, best first."""
        found = self.network(images)
        boxes = decode(found.deltas, found.boxes).clamp(0, self.size)
        best, product = found.classes.max(dim=2)
        scores = torch.cat([found.objects, best], dim=1).sigmoid()
        return best_of_both(boxes, scores, product, self.top)


def _with_known(boxes: Tensor, known: Sequence[Tensor]) -> Tensor:
    """Put each picture's true boxes before its proposals; all rows stay equally long."""
    rows = [
        torch.cat([truth.to(own), own])[: own.shape[0]] if len(truth) else own
        for own, truth in zip(boxes, known, strict=True)
    ]
    return torch.stack(rows)
