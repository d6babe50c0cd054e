"""Erases regions of training pictures, so that no single detail decides.

- "random": one rectangle anywhere, filled with noise (Zhong et al. 2020, "Random Erasing");
- "bernoulli": each cell of a grid by the toss of a coin, filled with grey (Singh & Lee 2017, "Hide-and-Seek");
- "adversarial": the cells where the network that is being trained responds most, filled with grey (Wei et al. 2017,
  "Adversarial Erasing"), so that it must learn the rest as well.

The grid is that of the backbone's last map. All chance comes from torch's global generator, whose state is kept in
checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Erasing = Literal["none", "random", "bernoulli", "adversarial"]

CELL = 32
"""Side of a cell in pixels."""


def erase(
    images: Tensor, kind: Erasing, chance: float, share: float, last_map: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """Return the pictures, some of them with a part erased.

    Args:
        images: f32 [n, 3, h, w] scaled to -1..1, h and w multiples of 32; left as they are.
        kind: what to erase.
        chance: for each picture, to be touched at all; 0..1.
        share: of the picture's area; the most for "random", the mean for "bernoulli"; 0..1.
        last_map: the network's last feature map, f32 [m, c, h / 32, w / 32] of pictures; "adversarial" needs it.
    """
    chosen = torch.nonzero(torch.rand(len(images)) < chance).flatten().to(images.device)
    if kind == "none" or not len(chosen):
        return images
    erased = images.clone()
    if kind == "random":
        for index in chosen.tolist():
            rows, columns = _rectangle(images.shape[2], images.shape[3], share)
            part = erased[index, :, rows, columns]
            part.copy_(2 * torch.rand(part.shape) - 1)
    else:
        cells = _coins(images[chosen], share) if kind == "bernoulli" else _strongest(images[chosen], share, last_map)
        pixels = F.interpolate(cells.float(), scale_factor=CELL, mode="nearest")
        erased[chosen] = images[chosen] * (1 - pixels)
    return erased


def _rectangle(height: int, width: int, share: float) -> tuple[slice, slice]:
    """Draw a rectangle of 2 % to `share` of the area, aspect ratio 0.3 to 3.3."""
    area = height * width * (0.02 + (share - 0.02) * float(torch.rand(())))
    ratio = math.exp(math.log(0.3) * (1 - 2 * float(torch.rand(()))))
    h, w = min(height, round(math.sqrt(area * ratio))), min(width, round(math.sqrt(area / ratio)))
    top, left = int(torch.randint(height - h + 1, ())), int(torch.randint(width - w + 1, ()))
    return slice(top, top + h), slice(left, left + w)


def _coins(images: Tensor, share: float) -> Tensor:
    n, _, height, width = images.shape
    return (torch.rand(n, 1, height // CELL, width // CELL) < share).to(images.device)


def _strongest(images: Tensor, share: float, last_map: Callable[[Tensor], Tensor] | None) -> Tensor:
    """Return the cells of the highest channel mean, `share` of them, at least one."""
    assert last_map is not None, "adversarial erasing looks at the network's last map"
    with torch.no_grad():
        strength = last_map(images).mean(1, keepdim=True)
    flat = strength.flatten(1)
    count = max(1, round(share * flat.shape[1]))
    cells = torch.zeros_like(flat, dtype=torch.bool).scatter_(1, flat.topk(count).indices, True)
    return cells.view_as(strength)
