"""Comparison of a store's vectors with those in its index."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged

from whatsit.index.generation import Generation
from whatsit.index.index_kind import Kind
from whatsit.index.shard import Floats, Numbers, Shard

_PIECE = 16_384
# How far a number of a vector may lie from the store's, by what the index keeps of it.
_TOLERANCE = {"float": 1e-5, "half": 2e-3, "byte": 2e-2}


def compare_vectors(
    generation: Generation, vectors: Floats, numbers: Numbers, changed: Numbers
) -> Iterator[tuple[int, str]]:
    """Yield the items whose vectors in the index are not those of the store.

    Args:
        generation: opened.
        vectors: f32 [N,D], those of the store.
        numbers: int64 [N] ascending, the item of each.
        changed: int64 ascending, items that changed since the index was written and are not compared.

    Returns:
        Item number and what is wrong.

    Raises:
        Damaged: the index does not give its vectors back.
    """
    keep = ~np.isin(numbers, changed)
    vectors, numbers = vectors[keep], numbers[keep]
    rows = [(shard, np.flatnonzero(~np.isin(shard.items, changed))) for shard in generation.shards]
    indexed = np.concatenate([np.asarray(shard.items)[among] for shard, among in rows] or [numbers[:0]])
    wrong = dict(_counts_differ(numbers, indexed))
    found = np.zeros(len(numbers), dtype=bool)
    for entry, (shard, among) in zip(generation.manifest.shards, rows, strict=True):
        tolerance = _TOLERANCE[Kind.parse(entry["kind"]).storage]
        for start in range(0, len(among), _PIECE):
            piece = among[start : start + _PIECE]
            items, places = np.asarray(shard.items)[piece], _nearest(shard, piece, vectors, numbers, tolerance)
            found[places[places >= 0]] = True
            for item in np.unique(items[places < 0]):
                wrong.setdefault(int(item), "has a vector in the index that is not in the catalogue")
    for row in np.flatnonzero(~found):
        item = int(numbers[row])
        same = slice(*np.searchsorted(numbers, [item, item + 1]))
        twins = found[same] & (np.abs(vectors[same] - vectors[row]).max(axis=1) <= _TOLERANCE["byte"])
        if not twins.any():
            wrong.setdefault(item, "has a vector that is neither in the index nor in the change log after it")
    yield from sorted(wrong.items())


def _counts_differ(numbers: Numbers, indexed: Numbers) -> Iterator[tuple[int, str]]:
    for item in np.setdiff1d(numbers, indexed):
        yield int(item), "is neither in the index nor in the change log after it"
    for item in np.setdiff1d(indexed, numbers):
        yield int(item), "is in the index and has no vector in the catalogue"
    items, stored = np.unique(numbers, return_counts=True)
    others, held = np.unique(indexed, return_counts=True)
    both, here, there = np.intersect1d(items, others, assume_unique=True, return_indices=True)
    for place in np.flatnonzero(stored[here] != held[there]):
        yield int(both[place]), f"has {stored[here[place]]} vectors, and the index has {held[there[place]]} of it"


def _nearest(shard: Shard, rows: Numbers, vectors: Floats, numbers: Numbers, tolerance: float) -> npt.NDArray[np.int64]:
    """Return the store's row of each vector of a shard, -1 where there is none."""
    try:
        held = shard.vectors(rows)
    except RuntimeError as error:
        raise Damaged(f"The index does not give its vectors back ({error}).") from error
    items = np.asarray(shard.items)[rows]
    starts, ends = np.searchsorted(numbers, items), np.searchsorted(numbers, items, side="right")
    best = np.full(len(rows), np.inf, dtype=np.float32)
    places = np.full(len(rows), -1, dtype=np.int64)
    for step in range(int((ends - starts).max(initial=0))):
        among = np.flatnonzero(starts + step < ends)
        candidates = starts[among] + step
        distances = np.abs(held[among] - vectors[candidates]).max(axis=1)
        nearer = distances < best[among]
        best[among[nearer]], places[among[nearer]] = distances[nearer], candidates[nearer]
    places[~(best <= tolerance)] = -1
    return places
