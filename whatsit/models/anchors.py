"""Anchors of a dense detector and the code between anchors and boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

CENTRE_STD = 0.1
SIZE_STD = 0.2
_MAX_LOG_RATIO = math.log(1000 / 16)


def make_anchors(
    feature_sizes: Sequence[tuple[int, int]], strides: Sequence[int], scale: float = 4.0, offset: float = 0.5
) -> Tensor:
    """Return one square anchor of side `scale * stride` for every feature cell.

    A single anchor per cell is enough under ATSS assignment (Zhang et al., 2020, table 5).

    Args:
        feature_sizes: (height, width) of each pyramid level, in cells.
        strides: pixels per cell of each level.
        scale: side of an anchor in strides.
        offset: of the anchor's centre from the cell's upper left corner, in strides.

    Returns:
        float32 [A, 4], x1,y1,x2,y2 in pixels; levels in the order given, rows before columns.
    """
    levels = []
    for (height, width), stride in zip(feature_sizes, strides, strict=True):
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        centre = (torch.stack([x, y], dim=-1).reshape(-1, 2).float() + offset) * stride
        half = scale * stride / 2
        levels.append(torch.cat([centre - half, centre + half], dim=1))
    return torch.cat(levels)


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Encode boxes as offsets from anchors (R-CNN form, scaled by 0.1 and 0.2).

    Args:
        boxes: float32 [..., 4], x1,y1,x2,y2 with positive sides.
        anchors: float32 [..., 4], of a shape that broadcasts with `boxes`.

    Returns:
        float32 [..., 4]: dx, dy, dw, dh.
    """
    anchor_size = anchors[..., 2:] - anchors[..., :2]
    size = boxes[..., 2:] - boxes[..., :2]
    offset = (boxes[..., :2] + boxes[..., 2:] - anchors[..., :2] - anchors[..., 2:]) / 2
    return torch.cat([offset / anchor_size / CENTRE_STD, torch.log(size / anchor_size) / SIZE_STD], dim=-1)


def decode(deltas: Tensor, anchors: Tensor) -> Tensor:
    """Decode offsets to boxes; log ratios are clamped against overflow.

    Args:
        deltas: float32 [..., 4]: dx, dy, dw, dh.
        anchors: float32 [..., 4], of a shape that broadcasts with `deltas`.

    Returns:
        float32 [..., 4], x1,y1,x2,y2 in pixels, not clipped to the canvas.
    """
    anchor_size = anchors[..., 2:] - anchors[..., :2]
    centre = (anchors[..., :2] + anchors[..., 2:]) / 2 + deltas[..., :2] * CENTRE_STD * anchor_size
    half = torch.exp((deltas[..., 2:] * SIZE_STD).clamp(max=_MAX_LOG_RATIO)) * anchor_size / 2
    return torch.cat([centre - half, centre + half], dim=-1)
