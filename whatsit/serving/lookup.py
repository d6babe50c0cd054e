"""The searches of one request: its filter, its threshold, and the records of every item that turns up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from whatsit.catalogue.store import Store
from whatsit.index import Generation, Live
from whatsit.index.shard import Floats, Numbers
from whatsit.ranking.matches import Matches
from whatsit.ranking.rank import match


class Lookup:
    """Finds items in one snapshot of the index and reads what the store knows of them.

    Args:
        index: a generation, or one with what has changed since.
        store: the records; an item that is deleted there is not found.
        neighbours: items per search.
        allowed: numbers of the items that may be found; None for all.
        min_rank: items below are not found.
    """

    def __init__(
        self, index: Generation | Live, store: Store, neighbours: int, allowed: Numbers | None, min_rank: float
    ) -> None:
        self.index, self.min_rank = index, min_rank
        self._store, self._neighbours, self._allowed = store, neighbours, allowed
        self._records: dict[int, dict[str, Any]] = {}

    @property
    def records(self) -> Mapping[int, Mapping[str, Any]]:
        """Item number -> record of every item found so far."""
        return self._records

    def matches(self, queries: Floats) -> list[Matches]:
        """The items near each query f32 [N,D], best first, with their surroundings."""
        return [
            match(distances, numbers, self._categories(numbers), self.min_rank, Region(query, self))
            for query, distances, numbers in zip(queries, *self.search(queries), strict=True)
        ]

    def search(self, queries: Floats) -> tuple[list[Floats], list[Numbers]]:
        """Distances and numbers of the items near each query f32 [N,D], nearest first, without padding."""
        distances, numbers = self.index.search(queries, self._neighbours, self._allowed)
        new = np.setdiff1d(numbers[numbers >= 0], np.fromiter(self._records, dtype=np.int64))
        self._records |= self._store.records(new)
        there = [np.array([number in self._records for number in row.tolist()], dtype=bool) for row in numbers]
        return (
            [row[kept] for row, kept in zip(distances, there, strict=True)],
            [row[kept] for row, kept in zip(numbers, there, strict=True)],
        )

    def _categories(self, numbers: Numbers) -> tuple[str, ...]:
        return tuple(self._records[number]["category"] or "" for number in numbers.tolist())

    def again(self, query: Floats, vector: Floats) -> Matches:
        """What `Surroundings.search` promises, for the region with this query."""
        (distances,), (numbers,) = self.search(vector[None])
        gaps = np.linalg.norm(self.index.nearest_vectors(query, numbers) - query, axis=1)
        ranks = np.clip(2.0 - gaps, 0.0, 2.0).astype(np.float32)
        scores = np.clip(2.0 - distances, 0.0, 2.0).astype(np.float32)
        found = Matches(numbers, ranks, self._categories(numbers), scores, Region(query, self))
        return found.take(np.flatnonzero(ranks >= np.float32(self.min_rank)))


@dataclass(frozen=True, eq=False)
class Region:
    """The `Surroundings` of one region's matches: nothing is read before a stage asks.

    Args:
        query: f32 [D], unit length.
        lookup: of the request.
    """

    query: Floats
    lookup: Lookup

    def vectors(self, numbers: Numbers) -> Floats:
        """Of each item the stored vector nearest to the query, f32 [K,D]."""
        return self.lookup.index.nearest_vectors(self.query, numbers)

    def search(self, vector: Floats) -> Matches:
        """The items near another vector."""
        return self.lookup.again(self.query, vector)
