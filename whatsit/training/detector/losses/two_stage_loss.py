"""Loss of Faster R-CNN: that of its proposals and that of the second stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from whatsit.models.anchors import decode
from whatsit.models.faster_rcnn import TwoStageOutput
from whatsit.models.product_labels import UNKNOWN
from whatsit.training.detector.losses.detection_loss import BoxTargets, detection_loss, doubtful_places
from whatsit.training.detector.losses.giou import iou_and_giou, pairwise_iou
from whatsit.training.detector.losses.quality_focal import quality_focal

_POSITIVE = 0.5
_BOX_WEIGHT = 2.0


def two_stage_loss(
    output: TwoStageOutput, targets: Sequence[BoxTargets], level_sizes: Sequence[int]
) -> dict[str, Tensor]:
    """Return the loss of a batch in parts.

    Args:
        output: of the network, n pictures.
        targets: n of them.
        level_sizes: anchors per pyramid level of the first stage.

    Returns:
        `object`, `product` and `box` of the second stage, and `proposal`, that of the first; scalars.
    """
    nameless = [replace(target, labels=torch.full_like(target.labels, UNKNOWN)) for target in targets]
    first = detection_loss(output.proposals, nameless, level_sizes)
    parts = [
        _second(
            output.boxes[i].float(),
            output.objects[i].float(),
            output.classes[i].float(),
            output.deltas[i].float(),
            target.present(),
        )
        for i, target in enumerate(targets)
    ]
    positives = max(1.0, sum(part[3] for part in parts))
    summed = torch.stack([torch.stack(part[:3]) for part in parts]).sum(dim=0) / positives
    return {
        **dict(zip(("object", "product", "box"), summed, strict=True)),
        "proposal": first["object"] + first["box"],
    }


def _second(
    boxes: Tensor, objects: Tensor, classes: Tensor, deltas: Tensor, target: BoxTargets
) -> tuple[Tensor, Tensor, Tensor, float]:
    quality, product = torch.zeros_like(objects), torch.zeros_like(classes)
    box_loss = deltas.sum() * 0
    positive = torch.zeros_like(objects, dtype=torch.bool)
    truth = torch.zeros_like(objects, dtype=torch.int64)
    if len(target.boxes):
        best, truth = pairwise_iou(boxes, target.boxes.to(boxes)).max(dim=1)
        positive = best >= _POSITIVE
    counted = ~doubtful_places(boxes, target.doubtful.to(boxes)) | positive
    known = counted.clone()
    factor = target.factors(boxes, positive, truth[positive])
    if positive.any():
        chosen = truth[positive]
        iou, giou = iou_and_giou(decode(deltas[positive], boxes[positive]), target.boxes.to(boxes)[chosen])
        box_loss = ((1 - giou) * factor[positive]).sum() * _BOX_WEIGHT
        labels = target.labels.to(chosen.device)[chosen]
        rows = torch.nonzero(positive).flatten()
        quality[positive] = iou.detach()
        product[rows[labels > 0], labels[labels > 0] - 1] = iou.detach()[labels > 0]
        known[rows[labels == UNKNOWN]] = False
    object_loss = (quality_focal(objects, quality) * factor)[counted].sum()
    product_loss = (quality_focal(classes, product) * factor[:, None])[known].sum()
    return object_loss, product_loss, box_loss, float(factor[positive].sum())
