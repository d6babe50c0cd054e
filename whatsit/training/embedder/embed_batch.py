"""Pictures through an embedder while it trains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from whatsit.models.embedder import Embedder
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
    rows = [network(scaled(torch.from_numpy(np.stack(part)).to(device))).cpu() for part in chunks(pictures, _BATCH)]
    return torch.cat(rows)


def vectors_of(network: Embedder, pictures: Iterable[Image]) -> npt.NDArray[np.float32]:
    """Return the embeddings of uint8 pictures [3, s, s], f32 [n, d]."""
    vectors: npt.NDArray[np.float32] = embed(network, pictures, network.head.weight.device).numpy()
    return vectors


def chunks(pictures: Iterable[Image], size: int) -> Iterator[list[Image]]:
    """Yield lists of `size` pictures; the last may be shorter."""
    rest = iter(pictures)
    while part := list(islice(rest, size)):
        yield part
