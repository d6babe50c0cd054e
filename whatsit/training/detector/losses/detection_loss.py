"""Loss of the detector: scores of both streams and boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from whatsit.models.anchors import decode
from whatsit.models.product_labels import UNKNOWN
from whatsit.models.retinanet import DenseOutput
from whatsit.training.detector.assigners.atss import BACKGROUND, assign
from whatsit.training.detector.assigners.simota import assign_simota
from whatsit.training.detector.losses.giou import iou_and_giou, pairwise_iou
from whatsit.training.detector.losses.quality_focal import quality_focal

_BOX_WEIGHT = 2.0
_DOUBTFUL_OVERLAP = 0.4


@dataclass(frozen=True)
class BoxTargets:
    """The truth of one picture, in pixels of the canvas.

    Args:
        boxes: float32 [G, 4], x1,y1,x2,y2.
        labels: int64 [G], product label 1.., `NO_PRODUCT` or `UNKNOWN`.
        doubtful: float32 [D, 4], places where nobody knows whether there is a thing: neither object nor background.
        weights: float32 [G], factors of the boxes' losses; None for 1 each. A box of weight 0 is no box.
        background: float32 [K, 5], windows and the factor of the background's loss in each; None for 1 everywhere.
    """

    boxes: Tensor
    labels: Tensor
    doubtful: Tensor
    weights: Tensor | None = None
    background: Tensor | None = None

    def present(self) -> BoxTargets:
        """Return the targets without boxes of weight 0."""
        if self.weights is None or bool((self.weights > 0).all()):
            return self
        kept = self.weights > 0
        return replace(self, boxes=self.boxes[kept], labels=self.labels[kept], weights=self.weights[kept])

    def factors(self, anchors: Tensor, positive: Tensor, truth: Tensor) -> Tensor:
        """Return the factor of each anchor's loss, float32 [A].

        Args:
            anchors: float32 [A, 4].
            positive: bool [A], which learn a box.
            truth: int64 [P], the boxes that those learn.
        """
        found = torch.ones(len(anchors), device=anchors.device)
        centre = (anchors[:, :2] + anchors[:, 2:]) / 2
        for window in [] if self.background is None else self.background.to(found):
            inside = ((centre >= window[:2]) & (centre < window[2:4])).all(dim=1)
            found[inside] = window[4]
        found[positive] = 1.0 if self.weights is None else self.weights.to(found)[truth]
        return found


def detection_loss(
    output: DenseOutput, targets: Sequence[BoxTargets], level_sizes: Sequence[int] | None
) -> dict[str, Tensor]:
    """Return the loss of a batch in parts.

    Args:
        output: of the network, n pictures.
        targets: n of them.
        level_sizes: anchors per pyramid level, for ATSS; None where anchors are the cells of YOLOX, for SimOTA.

    Returns:
        `object`, `product` and `box`, scalars, each normalised by the number of anchors that learn a box (the sum of
        their weights); their sum is what training minimises.
    """
    output = DenseOutput(*(part.float() for part in output))  # mixed precision gives half of it
    anchors = output.anchors
    parts = [
        _one(output.objects[i], output.classes[i], output.deltas[i], anchors, target.present(), level_sizes)
        for i, target in enumerate(targets)
    ]
    positives = max(1.0, sum(part[3] for part in parts))
    names = ("object", "product", "box")
    return dict(zip(names, torch.stack([torch.stack(part[:3]) for part in parts]).sum(dim=0) / positives, strict=True))


def _one(
    objects: Tensor,
    classes: Tensor,
    deltas: Tensor,
    anchors: Tensor,
    target: BoxTargets,
    level_sizes: Sequence[int] | None,
) -> tuple[Tensor, Tensor, Tensor, float]:
    if level_sizes is None:
        matched = assign_simota(_cells(anchors), objects, decode(deltas, anchors), target.boxes)
    else:
        matched = assign(anchors, level_sizes, target.boxes)
    positive = matched != BACKGROUND
    quality = torch.zeros_like(objects)
    product = torch.zeros_like(classes)
    counted = ~doubtful_places(anchors, target.doubtful) | positive
    known = counted.clone()
    box_loss = deltas.sum() * 0
    truth = matched[positive]
    factor = target.factors(anchors, positive, truth)
    if positive.any():
        iou, giou = iou_and_giou(decode(deltas[positive], anchors[positive]), target.boxes[truth])
        box_loss = ((1 - giou) * factor[positive]).sum() * _BOX_WEIGHT
        labels = target.labels[truth]
        quality[positive] = iou.detach()
        rows = torch.nonzero(positive).flatten()
        product[rows[labels > 0], labels[labels > 0] - 1] = iou.detach()[labels > 0]
        known[rows[labels == UNKNOWN]] = False
    object_loss = (quality_focal(objects, quality) * factor)[counted].sum()
    product_loss = (quality_focal(classes, product) * factor[:, None])[known].sum()
    return object_loss, product_loss, box_loss, float(factor[positive].sum())


def _cells(anchors: Tensor) -> Tensor:
    """Return the cells of YOLOX's anchors, which are centred on the upper left."""
    return anchors + (anchors[:, 2:] - anchors[:, :2]).repeat(1, 2) / 2


def doubtful_places(anchors: Tensor, boxes: Tensor) -> Tensor:
    """Return which boxes, bool [A], lie on a doubtful one or have their centre in it."""
    if not len(boxes):
        return torch.zeros(len(anchors), dtype=torch.bool, device=anchors.device)
    centre = (anchors[:, None, :2] + anchors[:, None, 2:]) / 2
    inside = ((centre > boxes[None, :, :2]) & (centre < boxes[None, :, 2:])).all(dim=2)
    return (inside | (pairwise_iou(anchors, boxes) > _DOUBTFUL_OVERLAP)).any(dim=1)
