"""Opening and searching a generation: the nearest *items*, not vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from whatsit_client.errors import Damaged, InvalidInput, Unavailable

from whatsit.index.current import GENERATIONS, current
from whatsit.index.manifest import REPAIR, Manifest
from whatsit.index.shard import Floats, Numbers, Shard


@dataclass(frozen=True)
class Generation:
    """An opened, immutable index; safe to search from many threads at once.

    Args:
        name: its folder's name, to be compared with `current(root)`.
        folder: where it lies.
        manifest: what it holds.
        shards: the memory-mapped FAISS indexes.
    """

    name: str
    folder: Path
    manifest: Manifest
    shards: tuple[Shard, ...]

    def search(self, queries: Floats, k: int, allowed: Numbers | None = None) -> tuple[Floats, Numbers]:
        """The k nearest items of each query; an item with several vectors counts once, with its nearest.

        Args:
            queries: f32 [Q,D], unit length.
            k: items per query, 1 or more.
            allowed: item numbers that may be returned (a filter inside the search); None for all.

        Returns:
            L2 distances f32 [Q,k] (0..2, not squared) and item numbers int64 [Q,k], nearest first; where fewer than k
            items are there, rows are filled up with distance inf and number -1.

        Raises:
            InvalidInput: the queries do not fit the index, or k is below 1.
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        if queries.ndim != 2 or (self.manifest.vectors and queries.shape[1] != self.manifest.dimension):
            raise InvalidInput(
                f"The index {self.name} takes queries [Q,{self.manifest.dimension}], not {list(queries.shape)}."
            )
        if k < 1:
            raise InvalidInput(f"k is 1 or more, not {k}.")
        rows_per_item = -(-self.manifest.vectors // max(self.manifest.items, 1))
        found = [_search_items(shard, queries, k, k * rows_per_item, allowed) for shard in self.shards]
        if len(found) == 1:
            return found[0]
        distances = np.concatenate([part[0] for part in found], axis=1)
        items = np.concatenate([part[1] for part in found], axis=1)
        return _first_of_each(distances, items, k)

    def nearest_vectors(self, query: Floats, items: Numbers) -> Floats:
        """Of each item the stored vector that is nearest to the query.

        Args:
            query: f32 [D], unit length.
            items: int64 [K], item numbers of this generation, each at most once.

        Returns:
            f32 [K,D], unit length.

        Raises:
            InvalidInput: an item has no vector here.
        """
        nearest = np.zeros((len(items), self.manifest.dimension), dtype=np.float32)
        best = np.full(len(items), -np.inf, dtype=np.float32)
        for shard in self.shards:
            owned = [(place, row) for place, item in enumerate(items.tolist()) for row in shard.rows_of(item)]
            if not owned:
                continue
            vectors = shard.vectors(np.array([row for _, row in owned], dtype=np.int64))
            for (place, _), vector, likeness in zip(owned, vectors, vectors @ query, strict=True):
                if likeness > best[place]:
                    best[place], nearest[place] = likeness, vector
        if not np.isfinite(best).all():
            missing = int(items[np.isneginf(best)][0])
            raise InvalidInput(f"The index {self.name} has no vector of item number {missing}.")
        return nearest


def open_generation(root: Path, fingerprint: str | None = None, verify: bool = True) -> Generation:
    """Open the current generation of the index in `root`.

    Args:
        root: folder of the index, the one that holds `CURRENT`.
        fingerprint: that of the embedder which will make the queries; None opens any index, and an empty index fits
            every embedder.
        verify: compare the files with their checksums (reads them once).

    Raises:
        Unavailable: nothing has been published there yet.
        Damaged: files are missing, cut off, changed, or of a newer format.
        InvalidInput: the index was made by another embedder.
    """
    name = current(root)
    if name is None:
        raise Unavailable(f"There is no index in {root}; run 'whatsit catalogue publish' first.")
    folder = root / GENERATIONS / name
    if not folder.is_dir():
        raise Damaged(f"{root} names the index {name}, which is not there; {REPAIR}.")
    manifest = Manifest.read(folder)
    if fingerprint is not None and manifest.vectors and manifest.fingerprint != fingerprint:
        raise InvalidInput(
            f"The index {folder} was made by the embedder {manifest.fingerprint} and this one is {fingerprint}; "
            "run 'whatsit catalogue add' on your files again and publish."
        )
    if verify:
        manifest.verify(folder)
    shards = tuple(Shard.open(folder / shard["file"], folder / shard["items"]) for shard in manifest.shards)
    if any(shard.index.d != manifest.dimension for shard in shards):
        raise Damaged(f"The index {folder} holds vectors of another length than its manifest says; {REPAIR}.")
    return Generation(name, folder, manifest, shards)


def _search_items(shard: Shard, queries: Floats, k: int, rows: int, allowed: Numbers | None) -> tuple[Floats, Numbers]:
    """Ask for `rows`, then for twice as many, until every query has k distinct items or no row is left."""
    mask = None if allowed is None else np.isin(shard.items, allowed)
    available = len(shard.items) if mask is None else int(mask.sum())
    if not available or not len(queries):
        return _nothing(len(queries), k)
    rows = min(rows, available)
    while True:
        distances, found = shard.search(queries, rows, mask)
        items = np.where(found >= 0, shard.items[np.maximum(found, 0)], -1)
        distances, items = _first_of_each(distances, items, k)
        if rows == available or (items >= 0).all():
            return distances, items
        rows = min(rows * 2, available)


def _first_of_each(distances: Floats, items: Numbers, k: int) -> tuple[Floats, Numbers]:
    """Keep the nearest row of each item: [Q,R] rows in any order -> [Q,k] items, nearest first."""
    best, numbers = _nothing(len(items), k)
    for query, (row_distances, row_items) in enumerate(zip(distances, items, strict=True)):
        order = np.argsort(row_distances, kind="stable")
        order = order[row_items[order] >= 0]
        _, firsts = np.unique(row_items[order], return_index=True)
        chosen = order[np.sort(firsts)][:k]
        best[query, : len(chosen)] = row_distances[chosen]
        numbers[query, : len(chosen)] = row_items[chosen]
    return best, numbers


def _nothing(queries: int, k: int) -> tuple[Floats, Numbers]:
    return np.full((queries, k), np.inf, dtype=np.float32), np.full((queries, k), -1, dtype=np.int64)
