"""Searches of one request: its filter, threshold, and records of found items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from whatsit.catalogue.store.text_index import ItemText
from whatsit.index.searcher import Searcher
from whatsit.index.shard import Floats, Numbers
from whatsit.index.visual_words import VisualWordQuery
from whatsit.ranking.fusion import fuse
from whatsit.ranking.matches import Matches, SearchContext
from whatsit.ranking.score import match
from whatsit.search.clues import Clues, no_clues
from whatsit.search.records import RecentRecords
from whatsit.vision.local_features import LocalFeatures, Patch

# Longer attributes are descriptions, whose words say little of the print.
_SHORT = 40


@dataclass(frozen=True, eq=False)
class RegionFeatures:
    """Features of a region besides its embedding.

    Args:
        features: local features, none where no stage asks for them.
        area: share of the picture's area, 0..1.
        score: the detector's, 0..1.
        patch: what local features can still be taken from; None where there is none.
    """

    features: LocalFeatures = field(default_factory=LocalFeatures.none)
    area: float = 1.0
    score: float = 1.0
    patch: Patch | None = None


class Lookup:
    """Finds items in one snapshot of the index and reads their records.

    Args:
        index: a generation, or one with what has changed since.
        store: the records; an item that is deleted there is not found.
        neighbours: items per search.
        allowed: numbers of the items that may be found; None for all.
        min_score: items below are not found.
        text: finds items by words; None where the store cannot.
    """

    def __init__(
        self,
        index: Searcher,
        store: RecentRecords,
        neighbours: int,
        allowed: Numbers | None,
        min_score: float,
        text: ItemText | None = None,
    ) -> None:
        self.text = text
        self.index, self.min_score, self.allowed = index, min_score, allowed
        self._store, self._neighbours = store, neighbours
        self._records: dict[int, Mapping[str, Any]] = {}

    @property
    def records(self) -> Mapping[int, Mapping[str, Any]]:
        """Return item number -> record of every item found so far."""
        return self._records

    def search(self, queries: Floats, regions: Sequence[RegionFeatures], clues: Clues | None = None) -> list[Matches]:
        """Return the items near each query, best first, each list with its context.

        Args:
            queries: f32 [N,D], unit length.
            regions: N, what else is known of them.
            clues: what else the picture shows.
        """
        clues = clues or no_clues(len(regions))
        contexts = [
            RegionContext(**vars(region), query=query, lookup=self, number=number, clues=clues)
            for number, (query, region) in enumerate(zip(queries, regions, strict=True))
        ]
        return [
            match(distances, numbers, self._categories(numbers), self.min_score, context)
            for context, distances, numbers in zip(contexts, *self._nearest(queries), strict=True)
        ]

    def search_from(self, context: SearchContext, vector: Floats) -> Matches:
        """Search again with another vector; see `SearchContext.search_from`."""
        (distances,), (numbers,) = self._nearest(vector[None])
        scores = self._scores(context.query, numbers)
        rescored = np.clip(2.0 - distances, 0.0, 2.0).astype(np.float32)
        found = Matches(numbers, scores, self._categories(numbers), rescored, context)
        return found.take(np.flatnonzero(scores >= np.float32(self.min_score)))

    def matches_for(self, context: SearchContext, numbers: Numbers) -> Matches:
        """Return these items, int64 [K], as matches in this order, whatever their scores.

        Each item occurs at most once.

        Items that are not in the index or were deleted are left out.
        """
        numbers = numbers[self._read(numbers) & self.index.contains(numbers)] if len(numbers) else numbers
        return Matches(numbers, self._scores(context.query, numbers), self._categories(numbers), context=context)

    def fuse_text(self, context: SearchContext, matches: Matches, named: Numbers) -> Matches:
        """Fuse matches with the items that a caller's words name.

        The items are int64, best first; their scores must reach the threshold.
        """
        found = self.matches_for(context, named)
        return fuse(matches, found.take(np.flatnonzero(found.scores >= np.float32(self.min_score))), named)

    def _nearest(self, queries: Floats) -> tuple[list[Floats], list[Numbers]]:
        """Return distances and numbers of the items near each query, nearest first.

        Queries are f32 [N,D]; there is no padding.
        """
        distances, numbers = self.index.search(queries, self._neighbours, self.allowed)
        kept = self._read(numbers)
        return (
            [row[mask] for row, mask in zip(distances, kept, strict=True)],
            [row[mask] for row, mask in zip(numbers, kept, strict=True)],
        )

    def _read(self, numbers: Numbers) -> npt.NDArray[np.bool_]:
        """Read the records of new items; return which of all items have one."""
        new = np.setdiff1d(numbers[numbers >= 0], np.fromiter(self._records, dtype=np.int64))
        self._records.update(self._store.records(new.tolist()))
        known = [number in self._records for number in numbers.ravel().tolist()]
        return np.array(known, dtype=bool).reshape(numbers.shape)

    def _scores(self, query: Floats, numbers: Numbers) -> Floats:
        """Return 2 - distance from the query to each item's nearest vector, f32 [K]."""
        gaps = np.linalg.norm(self.index.nearest_vectors(query, numbers) - query, axis=1)
        return np.asarray(np.clip(2.0 - gaps, 0.0, 2.0), dtype=np.float32)

    def _categories(self, numbers: Numbers) -> tuple[str, ...]:
        return tuple(self._records[number]["category"] or "" for number in numbers.tolist())


@dataclass(frozen=True, eq=False, kw_only=True)
class RegionContext(RegionFeatures):
    """The `SearchContext` of one region's matches; searches are lazy.

    Args:
        query: f32 [D], unit length.
        lookup: of the request.
        number: of the region.
        clues: what else the picture shows.
    """

    query: Floats
    lookup: Lookup
    number: int = 0
    clues: Clues

    @cached_property
    def texture(self) -> int:
        """Return the number of corners of the patch, or else of the local features."""
        return len(self.features) if self.patch is None else self.patch.texture

    def with_features(self, wanted: bool) -> RegionContext:
        """Return this context with local features taken from the patch, or with none."""
        if not wanted:
            return replace(self, features=LocalFeatures.none(), patch=None)
        if self.patch is None or len(self.features):
            return self
        return replace(self, features=self.patch.features(), patch=None)

    def vectors(self, numbers: Numbers) -> Floats:
        """Return of each item the stored vector nearest to the query, f32 [K,D]."""
        return self.lookup.index.nearest_vectors(self.query, numbers)

    def search_from(self, vector: Floats) -> Matches:
        """Return the items near another vector."""
        return self.lookup.search_from(self, vector)

    def by_words(self, k: int) -> Matches:
        """Return the items whose pictures share most visual words with the region."""
        found = self._word_query
        numbers = np.empty(0, dtype=np.int64) if found is None else found.items(k, self.lookup.allowed)
        return self.lookup.matches_for(self, numbers)

    def pictures(self, number: int, most: int) -> list[LocalFeatures]:
        """Return local features of an item's pictures, most shared visual words first."""
        return [] if self._word_query is None else self._word_query.pictures(number, most)

    def has_text(self) -> bool:
        """Return whether the region looks like print that can be read."""
        return self.clues.has_text(self.number)

    def read_words(self) -> tuple[str, ...]:
        """Return the lines of text in the region, read when first asked for."""
        return tuple(line.text for line in self.clues.lines(self.number))

    def by_text(self, words: Sequence[str], k: int) -> Matches:
        """Return the items whose text holds any of the words, best first."""
        index = self.lookup.text
        numbers = np.empty(0, dtype=np.int64) if index is None else index.with_any(words, k, self.lookup.allowed)
        return self.lookup.matches_for(self, numbers)

    def texts(self, numbers: Numbers) -> list[tuple[str, str]]:
        """Return each item's title, and its brand and short attributes."""
        return [_text_of(self.lookup.records[number]) for number in numbers.tolist()]

    @cached_property
    def _word_query(self) -> VisualWordQuery | None:
        words = self.lookup.index.words
        return None if words is None else words.look(self.features)


def _text_of(record: Mapping[str, Any]) -> tuple[str, str]:
    """Return an item's title, and its brand and short attributes."""
    values = [record["brand"], *(record["attributes"] or {}).values()]
    return record["title"] or "", " ".join(value for value in values if isinstance(value, str) and len(value) <= _SHORT)
