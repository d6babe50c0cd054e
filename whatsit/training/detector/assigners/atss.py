"""Adaptive training sample selection (ATSS, Zhang et al., 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from whatsit.training.detector.losses.giou import pairwise_iou

BACKGROUND = -1
"""Value of an anchor that learns no box."""


def assign(anchors: Tensor, level_sizes: Sequence[int], boxes: Tensor, candidates: int = 9) -> Tensor:
    """Choose the anchors of every box.

    The `candidates` anchors nearest to a box's centre on each level compete; those whose IoU reaches the mean plus
    one standard deviation of the candidates' IoU, and whose centre lies in the box, learn it. An anchor wanted by
    several boxes takes the one it overlaps most. Against the paper, a box too small to hold an anchor's centre gets
    its best free candidate, so that no small thing goes unlearnt.

    Args:
        anchors: float32 [A, 4], pixels, level after level.
        level_sizes: number of anchors on each level; their sum is A.
        boxes: float32 [G, 4], pixels, with positive sides.
        candidates: anchors per level that compete for a box.

    Returns:
        int64 [A]: index of the box, or `BACKGROUND`.
    """
    matched = torch.full((len(anchors),), BACKGROUND, dtype=torch.int64, device=anchors.device)
    if not len(boxes):
        return matched
    centres = (anchors[:, :2] + anchors[:, 2:]) / 2
    distance = torch.cdist((boxes[:, :2] + boxes[:, 2:]) / 2, centres)
    rivals = _nearest_per_level(distance, level_sizes, candidates)
    overlap = pairwise_iou(boxes, anchors)
    rival_overlap = overlap.gather(1, rivals)
    threshold = rival_overlap.mean(dim=1) + rival_overlap.std(dim=1)
    rival_centres = centres[rivals]
    inside = ((rival_centres > boxes[:, None, :2]) & (rival_centres < boxes[:, None, 2:])).all(dim=2)
    positive = (rival_overlap >= threshold[:, None]) & inside

    wanted = torch.full_like(overlap, -1.0)
    wanted.scatter_(1, rivals, torch.where(positive, rival_overlap, -1.0))
    best, index = wanted.max(dim=0)
    matched = torch.where(best >= 0, index, matched)
    for box in torch.nonzero(~positive.any(dim=1)).flatten().tolist():
        free = matched[rivals[box]] == BACKGROUND
        if free.any():
            matched[rivals[box][torch.where(free, rival_overlap[box], -1.0).argmax()]] = box
    return matched


def _nearest_per_level(distance: Tensor, level_sizes: Sequence[int], candidates: int) -> Tensor:
    """Return int64 [G, K]: the `candidates` nearest anchors of each level."""
    start, nearest = 0, []
    for size in level_sizes:
        level = distance[:, start : start + size]
        nearest.append(level.topk(min(candidates, size), dim=1, largest=False).indices + start)
        start += size
    return torch.cat(nearest, dim=1)
