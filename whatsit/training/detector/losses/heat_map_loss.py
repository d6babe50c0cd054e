"""Loss of the scan network: focal on centres, GIoU and L1 on boxes, classes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from whatsit.models.centernet import CenterOutput

_BOX, _L1, _PRODUCT = 2.0, 0.5, 0.5


class CenterBatch(NamedTuple):
    """Targets of a batch: `CenterTargets` with a batch dimension in front."""

    heat: Tensor
    learns: Tensor
    boxes: Tensor
    weight: Tensor
    product: Tensor


def center_loss(out: CenterOutput, targets: CenterBatch) -> dict[str, Tensor]:
    """Return the parts of the loss, by name, each over the number of boxes.

    Args:
        out: of the network.
        targets: of the same pictures.

    Returns:
        `center`, the penalty-reduced focal loss (Zhou et al., 2019); `box`, GIoU weighted by the Gaussians; `side`,
        L1 of log size and offset; `product`, binary cross-entropy of the classes in the cores of boxes.
    """
    count = targets.weight.sum().clamp(min=1.0)
    corners, size, offset = decoded(out)
    weight = targets.weight[:, None]
    wanted = targets.boxes[:, 2:] - targets.boxes[:, :2]
    cells = _cells(out.heat)
    middle = (targets.boxes[:, 2:] + targets.boxes[:, :2]) / 2 - cells
    log_side = (size - wanted.clamp(min=1e-3).log()).abs()
    shift = (offset - middle).abs() / wanted.clamp(min=1.0) * 4
    return {
        "center": _focal(out.heat[:, 0].float(), targets.heat, targets.learns) / count,
        "box": _BOX * ((1 - _giou(corners, targets.boxes)) * targets.weight).sum() / count,
        "side": _L1 * ((log_side + shift) * weight).sum() / count,
        "product": _PRODUCT * _classes(out.heat[:, 1:].float(), targets),
    }


def decoded(out: CenterOutput) -> tuple[Tensor, Tensor, Tensor]:
    """Return corners in cells f32 [n, 4, h, w], log size and offset."""
    size, offset = out.size.float(), out.offset.float()
    centre, half = _cells(out.heat) + offset, size.exp() / 2
    return torch.cat([centre - half, centre + half], dim=1), size, offset


def _cells(heat: Tensor) -> Tensor:
    """Return x and y of the upper left corner of every cell, f32 [1, 2, h, w]."""
    rows, columns = (torch.arange(side, device=heat.device) for side in heat.shape[-2:])
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x, y])[None].float()


def _focal(logits: Tensor, heat: Tensor, learns: Tensor) -> Tensor:
    score = torch.sigmoid(logits).clamp(1e-4, 1 - 1e-4)
    centre = (heat > 0.999).float()
    hit = centre * (1 - score) ** 2 * torch.log(score)
    miss = (1 - centre) * (1 - heat) ** 4 * score**2 * torch.log(1 - score)
    return -((hit + miss) * learns).sum()


def _classes(logits: Tensor, targets: CenterBatch) -> Tensor:
    known = targets.product >= 0
    if not bool(known.any()):
        return logits.sum() * 0.0
    rows, labels = logits.permute(0, 2, 3, 1)[known], targets.product[known]
    wanted = F.one_hot(labels, rows.shape[1] + 1)[:, 1:].float()
    weight = targets.weight[known][:, None]
    loss = F.binary_cross_entropy_with_logits(rows, wanted, reduction="none")
    return (loss * weight).sum() / weight.sum().clamp(min=1.0)


def _giou(a: Tensor, b: Tensor) -> Tensor:
    """Return the generalised IoU of boxes f32 [n, 4, h, w] (Rezatofighi et al., 2019)."""
    shared = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(dim=1)
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(dim=1)
    union = (a[:, 2:] - a[:, :2]).prod(dim=1) + (b[:, 2:] - b[:, :2]).prod(dim=1) - shared
    return shared / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)
