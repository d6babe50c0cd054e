"""RoIAlign (He et al., Mask R-CNN, 2017) by bilinear sampling, exportable to ONNX."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

# A box of this side, in cells of a level, is read from that level: 7 points then lie a cell apart.
_CELLS = 7.0


def roi_align(levels: Sequence[Tensor], strides: Sequence[int], boxes: Tensor, points: int = 7) -> Tensor:
    """Read a grid of features out of each box, one bilinear sample a bin.

    Each box is read from the level on which it is about `points` cells wide. All levels are sampled and one is kept, so
    that the graph has no branches.

    Args:
        levels: maps f32 [n, c, h, w], finest first.
        strides: pixels per cell of each level.
        boxes: f32 [n, R, 4], x1,y1,x2,y2 in pixels.
        points: samples along each side.

    Returns:
        f32 [n, R, c, points, points].
    """
    regions = int(boxes.shape[1])
    size = (boxes[..., 2:] - boxes[..., :2]).clamp(min=1.0)
    place = (torch.arange(points, dtype=boxes.dtype, device=boxes.device) + 0.5) / points
    x = boxes[..., None, 0] + size[..., None, 0] * place  # [n, R, points]
    y = boxes[..., None, 1] + size[..., None, 1] * place
    chosen = _level(size, strides)
    total: Tensor | None = None
    for number, (level, stride) in enumerate(zip(levels, strides, strict=True)):
        width, height = level.shape[-1] * stride, level.shape[-2] * stride
        grid = torch.stack(
            [
                (2 * x / width - 1)[:, :, None, :].expand(-1, -1, points, -1),
                (2 * y / height - 1)[:, :, :, None].expand(-1, -1, -1, points),
            ],
            dim=-1,
        ).reshape(-1, regions * points, points, 2)
        read = F.grid_sample(level, grid, mode="bilinear", padding_mode="border", align_corners=False)
        read = read.reshape(-1, int(level.shape[1]), regions, points, points).transpose(1, 2)
        kept = read * (chosen == number)[:, :, None, None, None].to(read.dtype)
        total = kept if total is None else total + kept
    assert total is not None  # there is at least one level
    return total


def _level(size: Tensor, strides: Sequence[int]) -> Tensor:
    """Return the number of the level for boxes of sizes f32 [n, R, 2], int64 [n, R]."""
    cells = size.prod(dim=-1).sqrt() / (_CELLS * strides[0])
    return torch.log2(cells.clamp(min=1e-3)).round().clamp(0, len(strides) - 1).to(torch.int64)
