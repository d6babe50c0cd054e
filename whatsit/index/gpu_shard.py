"""Search of shards on a GPU, with exact filters and deletions.

FAISS' GPU indexes ignore selectors and know no deletion. So the GPU holds a plain exact copy of a shard's vectors and
is asked for more rows than are wanted; those that may not be returned are taken out afterwards, and where too few are
left the shard itself is searched on the CPU.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from whatsit.index.generation import Generation
from whatsit.index.selection import Selection
from whatsit.index.shard import Floats, Numbers, Shard

MOST_ROWS = 2048
"""FAISS' GPU indexes return at most so many neighbours."""

MIN_ROWS = 20_000
"""Smaller shards stay on the CPU, where a scan takes about as long as asking a GPU. An estimate, not yet measured."""

_SPARE = 1.5
_CHUNK = 100_000


@dataclass(frozen=True)
class GpuShard(Shard):
    """A shard with an exact copy of its vectors on a GPU.

    Args:
        copy: the GPU's index, squared L2; row i is row i of the shard.
        lock: FAISS' GPU indexes take one caller at a time.
    """

    copy: Any = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def search(self, queries: Floats, rows: int, allowed: Selection | None) -> tuple[Floats, Numbers]:
        """Return the nearest rows, exact; see `Shard.search`."""
        if not 0 < rows <= MOST_ROWS:
            return super().search(queries, rows, allowed)
        if allowed is None:
            return self._nearest(queries, rows)
        total = len(allowed.mask)
        ask = int(rows / max(allowed.share, 1 / total) * _SPARE) + 1
        while ask <= MOST_ROWS:
            distances, found = self._nearest(queries, min(ask, total))
            kept = (found >= 0) & allowed.mask[np.maximum(found, 0)]
            if ask >= total or bool((kept.sum(axis=1) >= rows).all()):
                return _first(distances, found, kept, rows)
            ask *= 2
        return super().search(queries, rows, allowed)

    def _nearest(self, queries: Floats, rows: int) -> tuple[Floats, Numbers]:
        with self.lock:
            squared, found = self.copy.search(queries, rows)
        distances = np.sqrt(np.maximum(squared, 0.0), dtype=np.float32)
        distances[found < 0] = np.inf
        return distances, found


def _first(distances: Floats, found: Numbers, kept: npt.NDArray[np.bool_], rows: int) -> tuple[Floats, Numbers]:
    """Return of each query the first `rows` kept rows, filled up with inf and -1."""
    order = np.argsort(~kept, axis=1, kind="stable")[:, :rows]
    there = np.take_along_axis(kept, order, axis=1)
    nearest = np.where(there, np.take_along_axis(distances, order, axis=1), np.float32(np.inf))
    numbers = np.where(there, np.take_along_axis(found, order, axis=1), -1)
    missing = rows - order.shape[1]
    if missing > 0:
        nearest = np.pad(nearest, ((0, 0), (0, missing)), constant_values=np.inf)
        numbers = np.pad(numbers, ((0, 0), (0, missing)), constant_values=-1)
    return nearest, numbers


def gpus() -> int:
    """Return the number of GPUs that FAISS can use; 0 with faiss-cpu."""
    count = getattr(faiss, "get_num_gpus", None)
    return int(count()) if count and hasattr(faiss, "StandardGpuResources") else 0


def on_gpu(
    generation: Generation, log: Callable[[str], None] = print, device: int = 0, min_rows: int = MIN_ROWS
) -> Generation:
    """Return the generation with its large shards on a GPU.

    Args:
        generation: opened; its shards stay as they are.
        log: called with a message where the GPU lacks memory; the shard then stays on the CPU.
        device: number of the GPU.
        min_rows: shards with fewer rows stay on the CPU.
    """
    if not gpus():
        return generation
    resources, lock = faiss.StandardGpuResources(), threading.Lock()
    shards = []
    for shard in generation.shards:
        copy = _copied(shard, resources, device, log) if len(shard.items) >= min_rows else None
        shards.append(shard if copy is None else GpuShard(shard.index, shard.items, shard.effort, copy, lock))
    return replace(generation, shards=tuple(shards))


def _copied(shard: Shard, resources: Any, device: int, log: Callable[[str], None]) -> Any:
    config = faiss.GpuIndexFlatConfig()
    config.device = device
    try:
        copy = faiss.GpuIndexFlatL2(resources, shard.index.d, config)
        for start in range(0, shard.index.ntotal, _CHUNK):
            copy.add(shard.index.reconstruct_n(start, min(_CHUNK, shard.index.ntotal - start)))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1][:200] if str(error).strip() else "no reason given"
        log(f"A shard of {len(shard.items)} vectors does not fit on the GPU and is searched on the CPU: {reason}")
        return None
    return copy
