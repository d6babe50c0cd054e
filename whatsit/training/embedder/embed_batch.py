"""Pictures through an embedder while it trains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from whatsit.training.embedder.augment import Image

_BATCH = 16


def scaled(images: Tensor) -> Tensor:
    """Map uint8 pixels to the network's f32 -1..1, channels last."""
    return ((images.float() - 127.5) / 127.5).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def embed(network: Callable[[Tensor], Tensor], pictures: Iterable[Image], device: torch.device) -> Tensor:
    """Return the outputs of a network on pictures, f32 [n, d], in small batches.

    `network` maps scaled f32 [b, 3, s, s] to f32 [b, d]; pictures are uint8 [3, s, s].
    """
    rows = [network(scaled(torch.from_numpy(np.stack(part)).to(device))).cpu() for part in _parts(iter(pictures))]
    return torch.cat(rows)


def _parts(pictures: Iterator[Image]) -> Iterator[list[Image]]:
    while part := list(islice(pictures, _BATCH)):
        yield part
