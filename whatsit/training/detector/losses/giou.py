"""IoU of boxes, and generalised IoU (GIoU, Rezatofighi et al., 2019)."""

from __future__ import annotations

import torch
from torch import Tensor


def pairwise_iou(a: Tensor, b: Tensor) -> Tensor:
    """Return the IoU, float32 [N, M], of boxes [N, 4] with boxes [M, 4], x1,y1,x2,y2."""
    return _iou_and_union(a[:, None], b[None])[0]


def iou_and_giou(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return IoU and generalised IoU of boxes in pairs.

    Args:
        a: float32 [N, 4], x1,y1,x2,y2.
        b: float32 [N, 4].

    Returns:
        IoU float32 [N] in 0..1 and GIoU float32 [N] in -1..1; `1 - GIoU` is the loss.
    """
    iou, union = _iou_and_union(a, b)
    hull = _area(torch.minimum(a[:, :2], b[:, :2]), torch.maximum(a[:, 2:], b[:, 2:]))
    return iou, iou - (hull - union) / hull.clamp(min=1e-6)


def _iou_and_union(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    shared = _area(torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:]))
    union = _area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - shared
    return shared / union.clamp(min=1e-6), union


def _area(low: Tensor, high: Tensor) -> Tensor:
    return (high - low).clamp(min=0).prod(dim=-1)
