"""SimOTA label assignment (Ge et al., YOLOX, 2021)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from whatsit.training.detector.assigners.atss import BACKGROUND
from whatsit.training.detector.losses.giou import pairwise_iou

_RADIUS = 2.5
_IOU_WEIGHT = 3.0
_OUTSIDE = 1e5
_MOST = 10


@torch.no_grad()
def assign_simota(cells: Tensor, objects: Tensor, placed: Tensor, boxes: Tensor) -> Tensor:
    """Assign to every box its dynamic number of cheapest cells.

    That number is the sum of the IoUs of its best predictions.

    Cells whose centre lies in a box, or within 2.5 strides of its centre, compete for it; the cost is the cross-entropy
    of the object score plus 3 times the negative logarithm of the IoU, and cells that fail one of the two conditions
    come last. A cell wanted by several boxes takes the cheapest.

    Args:
        cells: float32 [A, 4], the square of each cell, pixels.
        objects: float32 [A], object logits.
        placed: float32 [A, 4], predicted boxes.
        boxes: float32 [G, 4], true boxes with positive sides.

    Returns:
        int64 [A]: index of the box, or `BACKGROUND`.
    """
    matched = torch.full((len(cells),), BACKGROUND, dtype=torch.int64, device=cells.device)
    if not len(boxes):
        return matched
    centres, stride = (cells[:, :2] + cells[:, 2:]) / 2, cells[:, 2] - cells[:, 0]
    inside = ((centres[None] > boxes[:, None, :2]) & (centres[None] < boxes[:, None, 2:])).all(dim=2)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    near = ((centres[None] - middle[:, None]).abs() < _RADIUS * stride[None, :, None]).all(dim=2)
    rivals = torch.nonzero((inside | near).any(dim=0)).flatten()
    if not len(rivals):
        return matched
    overlap = pairwise_iou(boxes, placed[rivals])
    unsure = F.binary_cross_entropy_with_logits(objects[rivals], torch.ones_like(objects[rivals]), reduction="none")
    cost = unsure[None] - _IOU_WEIGHT * (overlap + 1e-8).log()
    cost = cost + _OUTSIDE * ~(inside & near)[:, rivals]
    count = min(_MOST, len(rivals))
    wanted = overlap.topk(count, dim=1).values.sum(dim=1).int().clamp(min=1, max=count)
    cheapest = cost.topk(count, dim=1, largest=False).indices
    taken = torch.zeros_like(cost, dtype=torch.bool)
    taken.scatter_(1, cheapest, torch.arange(count, device=cells.device)[None] < wanted[:, None])
    best, index = torch.where(taken, cost, torch.inf).min(dim=0)
    matched[rivals] = torch.where(best < torch.inf, index, BACKGROUND)
    return matched
