"""Generalised IoU loss (Rezatofighi et al., 2019)."""

from __future__ import annotations

import torch
from torch import Tensor


def iou_and_giou(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and generalised IoU of boxes in pairs.

    Args:
        a: float32 [N, 4], x1,y1,x2,y2.
        b: float32 [N, 4].

    Returns:
        IoU float32 [N] in 0..1 and GIoU float32 [N] in -1..1; `1 - GIoU` is the loss.
    """
    shared = _area(torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:]))
    union = _area(a[:, :2], a[:, 2:]) + _area(b[:, :2], b[:, 2:]) - shared
    hull = _area(torch.minimum(a[:, :2], b[:, :2]), torch.maximum(a[:, 2:], b[:, 2:]))
    iou = shared / union.clamp(min=1e-6)
    return iou, iou - (hull - union) / hull.clamp(min=1e-6)


def _area(low: Tensor, high: Tensor) -> Tensor:
    return (high - low).clamp(min=0).prod(dim=1)
