"""Search of several shards with hidden rows: nearest *items*, not vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.index.router import Router
from whatsit.index.selection import Selection
from whatsit.index.shard import Floats, Numbers, Shard

# So few allowed items are looked up one by one among a shard's, which are sorted.
_FEW = 1_000
# A filter that calls repeat is turned into rows once: so many are kept for each shard.
_KEPT = 4


@dataclass(frozen=True)
class Part:
    """A shard and those of its rows that still count.

    Args:
        shard: is never changed.
        alive: bool [N], False for the rows of items that were changed or deleted since; None where all rows count.
    """

    shard: Shard
    alive: npt.NDArray[np.bool_] | None = None
    _recent: dict[int, tuple[Numbers, Selection]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def without(self, items: Numbers) -> Part:
        """The same shard with the rows of these items (int64, ascending) hidden."""
        starts = np.searchsorted(self.shard.items, items, "left")
        ends = np.searchsorted(self.shard.items, items, "right")
        affected = ends > starts
        if not affected.any():
            return self
        alive = np.ones(len(self.shard.items), dtype=bool) if self.alive is None else self.alive.copy()
        for start, end in zip(starts[affected], ends[affected], strict=True):
            alive[start:end] = False
        return Part(self.shard, alive)

    def rows_of(self, item: int) -> list[int]:
        """The rows of an item that still count."""
        return [row for row in self.shard.rows_of(item) if self.alive is None or self.alive[row]]

    @cached_property
    def _living(self) -> Selection | None:
        return None if self.alive is None else Selection(self.alive)

    def selected(self, allowed: Numbers | None) -> Selection | None:
        """The rows that a search may return; None for all of them.

        Args:
            allowed: item numbers, ascending; an array that nobody changes, for the answer is kept for it.
        """
        if allowed is None:
            return self._living
        known = self._recent.get(id(allowed))
        if known is not None and known[0] is allowed:
            return known[1]
        mask = self._mask(allowed)
        selection = Selection(mask if self.alive is None else mask & self.alive)
        if len(self._recent) >= _KEPT:
            self._recent.clear()
        self._recent[id(allowed)] = allowed, selection
        return selection

    def _mask(self, allowed: Numbers) -> npt.NDArray[np.bool_]:
        """The rows of these items, bool [N]."""
        if len(allowed) <= _FEW:
            mask = np.zeros(len(self.shard.items), dtype=bool)
            starts = np.searchsorted(self.shard.items, allowed, "left")
            ends = np.searchsorted(self.shard.items, allowed, "right")
            for start, end in zip(starts, ends, strict=True):
                mask[start:end] = True
            return mask
        # Item numbers are dense: a table of them is small, and nothing has to be sorted.
        first, last = (int(self.shard.items[place]) for place in (0, -1)) if len(self.shard.items) else (0, -1)
        table = np.zeros(last - first + 1, dtype=bool)
        table[allowed[(allowed >= first) & (allowed <= last)] - first] = True
        return table[self.shard.items - first] if len(table) else np.zeros(0, dtype=bool)


@dataclass(frozen=True)
class Routing:
    """How queries are sent to the shards of a generation.

    Args:
        router: of the generation.
        shards: how many of the first parts are its shards.
        nprobe: shards per query, 1 or more.
    """

    router: Router
    shards: int
    nprobe: int


def search_parts(
    parts: Sequence[Part],
    queries: Floats,
    k: int,
    allowed: Numbers | None,
    rows_per_item: int,
    routing: Routing | None = None,
) -> tuple[Floats, Numbers]:
    """Return the k nearest items of each query over all parts, each item once.

    Args:
        parts: with vectors as long as the queries.
        queries: f32 [Q,D].
        k: items per query, 1 or more.
        allowed: item numbers that may be returned; None for all.
        rows_per_item: how many vectors an item has, about; a bad guess costs time, nothing else.
        routing: which of the first parts to search for each query; None for all. Further parts are always searched.

    Returns:
        L2 distances f32 [Q,k] and item numbers int64 [Q,k], nearest first, filled up with inf and -1.
    """
    if len(parts) == 1 and routing is None:
        return _search_items(parts[0], parts[0].selected(allowed), queries, k, k * rows_per_item)
    chosen = [part.selected(allowed) for part in parts]
    counts = [len(part.shard.items) if rows is None else rows.count for part, rows in zip(parts, chosen, strict=True)]
    wanted = np.repeat(np.array(counts)[None] > 0, len(queries), axis=0)
    if routing is not None:
        useful = np.array(counts[: routing.shards]) > 0
        wanted[:, : routing.shards] = routing.router.route(queries, routing.nprobe, useful)
    found = []
    for part, rows, asked in zip(parts, chosen, wanted.T, strict=True):
        if asked.all():
            found.append(_search_items(part, rows, queries, k, k * rows_per_item))
        elif asked.any():
            answer = nothing(len(queries), k)
            answer[0][asked], answer[1][asked] = _search_items(part, rows, queries[asked], k, k * rows_per_item)
            found.append(answer)
    if not found:
        return nothing(len(queries), k)
    if len(found) == 1:
        return found[0]
    distances = np.concatenate([one[0] for one in found], axis=1)
    items = np.concatenate([one[1] for one in found], axis=1)
    return first_of_each(distances, items, k)


def contains(parts: Sequence[Part], items: Numbers) -> npt.NDArray[np.bool_]:
    """Return whether each item, int64 [K], has a vector in any part: bool [K]."""
    return np.array([any(part.rows_of(item) for part in parts) for item in items.tolist()], dtype=bool)


def nearest_vectors(parts: Sequence[Part], query: Floats, items: Numbers) -> Floats:
    """Return of each item the stored vector that is nearest to the query, f32 [K,D].

    Args:
        parts: with vectors as long as the query.
        query: f32 [D], unit length.
        items: int64 [K], each at most once.

    Raises:
        InvalidInput: an item has no vector in any part.
    """
    nearest = np.zeros((len(items), len(query)), dtype=np.float32)
    best = np.full(len(items), -np.inf, dtype=np.float32)
    for part in parts:
        owned = [(place, row) for place, item in enumerate(items.tolist()) for row in part.rows_of(item)]
        if not owned:
            continue
        vectors = part.shard.vectors(np.array([row for _, row in owned], dtype=np.int64))
        for (place, _), vector, likeness in zip(owned, vectors, vectors @ query, strict=True):
            if likeness > best[place]:
                best[place], nearest[place] = likeness, vector
    if not np.isfinite(best).all():
        raise InvalidInput(f"The index has no vector of item number {int(items[np.isneginf(best)][0])}.")
    return nearest


def _search_items(part: Part, chosen: Selection | None, queries: Floats, k: int, rows: int) -> tuple[Floats, Numbers]:
    """Double the rows until every query has k distinct items or none are left."""
    shard = part.shard
    available = len(shard.items) if chosen is None else chosen.count
    if not available or not len(queries):
        return nothing(len(queries), k)
    rows = min(rows, available)
    while True:
        distances, found = shard.search(queries, rows, chosen)
        items = shard.items[found]  # of row -1, where rows ran out, that of the last row
        if found.min() < 0:
            items[found < 0] = -1
        distances, items = first_of_each(distances, items, k, ascending=True)
        if rows == available or items.min() >= 0:
            return distances, items
        rows = min(rows * 2, available)


def first_of_each(distances: Floats, items: Numbers, k: int, *, ascending: bool = False) -> tuple[Floats, Numbers]:
    """Keep each item's nearest row: [Q,R] rows -> [Q,k] items, nearest first.

    Args:
        distances: f32 [Q,R].
        items: int64 [Q,R], -1 for no row.
        k: items per query.
        ascending: the distances of each query ascend already.
    """
    best, numbers = np.empty((len(items), k), dtype=np.float32), np.empty((len(items), k), dtype=np.int64)
    for query in range(len(items)):
        row_distances, row_items = distances[query], items[query]
        if not ascending:
            order = np.argsort(row_distances, kind="stable")
            row_distances, row_items = row_distances[order], row_items[order]
        nearest = row_items[:k].tolist()
        if len(set(nearest)) == k and min(nearest) >= 0:  # mostly: each row is of another item
            best[query], numbers[query] = row_distances[:k], row_items[:k]
            continue
        firsts: dict[int, int] = {}  # item -> its first row; quicker than np.unique at the lengths that searches have
        for place, item in enumerate(row_items.tolist()):
            if item >= 0 and item not in firsts:
                firsts[item] = place
                if len(firsts) == k:
                    break
        count = len(firsts)
        best[query, :count], best[query, count:] = row_distances[list(firsts.values())], np.inf
        numbers[query, :count], numbers[query, count:] = list(firsts), -1
    return best, numbers


def nothing(queries: int, k: int) -> tuple[Floats, Numbers]:
    """What a search returns that finds nothing."""
    return np.full((queries, k), np.inf, dtype=np.float32), np.full((queries, k), -1, dtype=np.int64)
