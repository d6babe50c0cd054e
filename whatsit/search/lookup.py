"""The searches of one request: its filter, its threshold, and the records of every item that turns up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from whatsit.index.searcher import Searcher
from whatsit.index.shard import Floats, Numbers
from whatsit.index.visual_words import Look
from whatsit.ranking.fusion import fuse
from whatsit.ranking.matches import Matches
from whatsit.ranking.score import match
from whatsit.vision.local_features import LocalFeatures


@dataclass(frozen=True, eq=False)
class Facts:
    """What the steps before said of a region, besides its vector.

    Args:
        features: local features, none where no stage asks for them.
        area: share of the picture's area, 0..1.
        score: the detector's, 0..1.
    """

    features: LocalFeatures = field(default_factory=LocalFeatures.none)
    area: float = 1.0
    score: float = 1.0


class Reads(Protocol):
    """Whatever knows items by number: a catalogue, or `RecentRecords` of one."""

    def records(self, numbers: Iterable[int]) -> Mapping[int, Mapping[str, Any]]:
        """What is known of these items; those that are not there are left out."""
        ...


class Lookup:
    """Finds items in one snapshot of the index and reads what the store knows of them.

    Args:
        index: a generation, or one with what has changed since.
        store: the records; an item that is deleted there is not found.
        neighbours: items per search.
        allowed: numbers of the items that may be found; None for all.
        min_score: items below are not found.
        facts: of each region, in order; those beyond are taken for whole pictures without local features.
    """

    def __init__(
        self,
        index: Searcher,
        store: Reads,
        neighbours: int,
        allowed: Numbers | None,
        min_score: float,
        facts: Sequence[Facts] = (),
    ) -> None:
        self.index, self.min_score, self.allowed = index, min_score, allowed
        self._facts = facts
        self._store, self._neighbours, self._allowed = store, neighbours, allowed
        self._records: dict[int, Mapping[str, Any]] = {}

    @property
    def records(self) -> Mapping[int, Mapping[str, Any]]:
        """Item number -> record of every item found so far."""
        return self._records

    def regions(self, queries: Floats) -> list[Region]:
        """The surroundings of each query, f32 [N,D]."""
        facts = [*self._facts, *[Facts()] * (len(queries) - len(self._facts))]
        return [Region(query, self, known) for query, known in zip(queries, facts, strict=True)]

    def matches(self, regions: Sequence[Region]) -> list[Matches]:
        """The items near each region, best first, with their surroundings."""
        queries = np.stack([region.query for region in regions])
        return [
            match(distances, numbers, self._categories(numbers), self.min_score, region)
            for region, distances, numbers in zip(regions, *self.search(queries), strict=True)
        ]

    def known(self, region: Region, numbers: Numbers) -> Matches:
        """These items, int64 [K] each at most once, as matches of a region in this order, whatever their scores.

        Items that are not in the index or were deleted are left out.
        """
        self._read(numbers)
        there = np.array([number in self._records for number in numbers.tolist()], dtype=bool)
        numbers = numbers[there & self.index.held(numbers)] if len(numbers) else numbers
        gaps = np.linalg.norm(self.index.nearest_vectors(region.query, numbers) - region.query, axis=1)
        scores = np.clip(2.0 - gaps, 0.0, 2.0).astype(np.float32)
        return Matches(numbers, scores, self._categories(numbers), around=region)

    def _read(self, numbers: Numbers) -> None:
        """Read the records of items that were not found before."""
        new = np.setdiff1d(numbers[numbers >= 0], np.fromiter(self._records, dtype=np.int64))
        self._records.update(self._store.records(new.tolist()))

    def search(self, queries: Floats) -> tuple[list[Floats], list[Numbers]]:
        """Distances and numbers of the items near each query f32 [N,D], nearest first, without padding."""
        distances, numbers = self.index.search(queries, self._neighbours, self._allowed)
        self._read(numbers)
        there = [np.array([number in self._records for number in row.tolist()], dtype=bool) for row in numbers]
        return (
            [row[kept] for row, kept in zip(distances, there, strict=True)],
            [row[kept] for row, kept in zip(numbers, there, strict=True)],
        )

    def fused(self, region: Region, matches: Matches, named: Numbers) -> Matches:
        """Matches joined with the items that a caller's words name, int64 best first, if their scores are enough."""
        found = self.known(region, named)
        return fuse(matches, found.take(np.flatnonzero(found.scores >= np.float32(self.min_score))), named)

    def _categories(self, numbers: Numbers) -> tuple[str, ...]:
        return tuple(self._records[number]["category"] or "" for number in numbers.tolist())

    def again(self, region: Region, vector: Floats) -> Matches:
        """What `Surroundings.search` promises, for this region."""
        (distances,), (numbers,) = self.search(vector[None])
        gaps = np.linalg.norm(self.index.nearest_vectors(region.query, numbers) - region.query, axis=1)
        scores = np.clip(2.0 - gaps, 0.0, 2.0).astype(np.float32)
        rescored = np.clip(2.0 - distances, 0.0, 2.0).astype(np.float32)
        found = Matches(numbers, scores, self._categories(numbers), rescored, region)
        return found.take(np.flatnonzero(scores >= np.float32(self.min_score)))


@dataclass(frozen=True, eq=False)
class Region:
    """The `Surroundings` of one region's matches: nothing is read before a stage asks.

    Args:
        query: f32 [D], unit length.
        lookup: of the request.
        facts: what the steps before said of it.
    """

    query: Floats
    lookup: Lookup
    facts: Facts

    @property
    def features(self) -> LocalFeatures:
        """Its local features."""
        return self.facts.features

    @property
    def area(self) -> float:
        """Its share of the picture's area, 0..1."""
        return self.facts.area

    @property
    def score(self) -> float:
        """The detector's, 0..1."""
        return self.facts.score

    def vectors(self, numbers: Numbers) -> Floats:
        """Of each item the stored vector nearest to the query, f32 [K,D]."""
        return self.lookup.index.nearest_vectors(self.query, numbers)

    def search(self, vector: Floats) -> Matches:
        """The items near another vector."""
        return self.lookup.again(self, vector)

    def by_words(self, k: int) -> Matches:
        """The items whose pictures share most visual words with the region."""
        look = self._look
        numbers = np.empty(0, dtype=np.int64) if look is None else look.items(k, self.lookup.allowed)
        return self.lookup.known(self, numbers)

    def pictures(self, number: int, most: int) -> list[LocalFeatures]:
        """The local features of an item's pictures, those that share most visual words with the region first."""
        return [] if self._look is None else self._look.pictures(number, most)

    @cached_property
    def _look(self) -> Look | None:
        words = self.lookup.index.words
        return None if words is None else words.look(self.features)
