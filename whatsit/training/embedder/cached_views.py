"""Cached views: feature maps of the frozen layers, computed once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from whatsit.training.embedder.augment import Image
from whatsit.training.embedder.embed_batch import chunks, scaled
from whatsit.training.embedder.picture_sources import PictureSource

Maps = npt.NDArray[np.float16]
_BATCH = 4


class CachedViews:
    """Picture source that returns cached feature maps of a few views.

    Args:
        source: draws the views.
        layers: the frozen layers, f32 [n, 3, s, s] scaled to -1..1 in, f32 [n, c, h, w] out.
        views: how many of each picture.
        size: side of the views in pixels.
        seed: of the views.
        file: where the maps are kept; made if it is not there.
    """

    def __init__(self, source: PictureSource, layers: nn.Module, views: int, size: int, seed: int, file: Path) -> None:
        self.labels, self.classes, self._views = source.labels, source.classes, views
        drawn = (
            source.view(index, size, np.random.default_rng([seed, index, view]))
            for index in range(len(source.labels))
            for view in range(views)
        )
        self._maps = cached_maps(drawn, len(source.labels) * views, layers, file)

    def plain(self, index: int, size: int) -> Maps:
        """Return the first view's map, f16 [c, h, w]."""
        return self._map(index, 0)

    def view(self, index: int, size: int, rng: np.random.Generator) -> Any:
        """Return the map of a view by chance, f16 [c, h, w]."""
        return self._map(index, int(rng.integers(self._views)))

    def _map(self, index: int, view: int) -> Maps:
        return np.asarray(self._maps[index * self._views + view])


@torch.no_grad()
def cached_maps(pictures: Iterable[Image], count: int, layers: nn.Module, file: Path) -> Maps:
    """Return the maps of `layers` on pictures as a memory-mapped array.

    Pictures are uint8 [3, s, s], maps f16 [count, c, h, w]; `file` is made if missing.
    """
    if not file.exists():
        part, filled = file.with_suffix(".part.npy"), 0
        out: npt.NDArray[np.float16] | None = None
        for some in chunks(pictures, _BATCH):
            maps: Tensor = layers(scaled(torch.from_numpy(np.stack(some))))
            if out is None:
                shape = (count, *maps.shape[1:])
                out = np.lib.format.open_memmap(part, "w+", np.float16, shape)  # type: ignore[no-untyped-call]  # numpy 1.26 leaves it untyped
            out[filled : filled + len(maps)] = maps.numpy()
            filled += len(maps)
        del out
        part.replace(file)
    kept: Maps = np.load(file, mmap_mode="r")
    return kept
