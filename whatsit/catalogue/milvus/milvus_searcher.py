"""Search in Milvus for the nearest items (not vectors), with a filter inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.milvus.milvus_url import translate_errors
from whatsit.index.generation import check_queries
from whatsit.index.index_kind import HNSW_SEARCH_EFFORT, Floats, Numbers
from whatsit.index.shard_search import first_of_each, nothing
from whatsit.index.visual_words import VisualWords

MOST_ROWS = 16_384
"""Milvus returns at most so many rows of one search or query."""

# Item numbers in one expression; more are asked in turns.
NUMBERS_AT_ONCE = 10_000
_ITEMS_AT_ONCE = 1_000
# Vectors of an item, about: so many times the wanted items are asked for at first.
_ROWS_PER_ITEM = 4


@dataclass(frozen=True)
class MilvusSearcher:
    """A `Searcher` over a collection of vectors; sees all acknowledged changes.

    Args:
        client: a `pymilvus.MilvusClient`.
        place: its address, for errors.
        collection: with a row per vector: `item` int64, `vector`.
        dimension: length of the vectors.
        expression: what every row must fulfil, besides `allowed`; "" for nothing.
        nothing_fits: whether the filter is known to hold for no item at all.
        graph: whether the index takes HNSW's search effort.
    """

    client: Any
    place: str
    collection: str | None
    dimension: int
    expression: str = ""
    nothing_fits: bool = False
    graph: bool = False

    @property
    def words(self) -> VisualWords | None:
        """Milvus keeps none."""
        return None

    def search(self, queries: Floats, k: int, allowed: Numbers | None = None) -> tuple[Floats, Numbers]:
        """Return the k nearest items of each query, as `Searcher.search`.

        At most `MOST_ROWS` vectors are compared with a query.
        """
        queries = check_queries(queries, k, f"{self.place} {self.collection}", self.dimension)
        if self.collection is None or self.nothing_fits or not len(queries):
            return nothing(len(queries), k)
        found = [self._items(queries, k, condition) for condition in self._conditions(allowed)]
        if not found:
            return nothing(len(queries), k)
        distances = np.concatenate([one[0] for one in found], axis=1)
        return first_of_each(distances, np.concatenate([one[1] for one in found], axis=1), k)

    def contains(self, items: Numbers) -> npt.NDArray[np.bool_]:
        """Return whether each item, int64 [K], has a vector now: bool [K]."""
        there = {row["item"] for row in self._rows(items, ["item"])}
        return np.array([item in there for item in items.tolist()], dtype=bool)

    def nearest_vectors(self, query: Floats, items: Numbers) -> Floats:
        """Return each item's vector nearest to the query, as `Searcher.nearest_vectors`."""
        nearest = np.zeros((len(items), len(query)), dtype=np.float32)
        best = np.full(len(items), -np.inf, dtype=np.float32)
        places = {item: place for place, item in enumerate(items.tolist())}
        for row in self._rows(items, ["item", "vector"]):
            vector = np.array(row["vector"], dtype=np.float32)
            place, likeness = places[row["item"]], np.float32(vector @ query)
            if likeness > best[place]:
                best[place], nearest[place] = likeness, vector
        if not np.isfinite(best).all():
            raise InvalidInput(f"The index has no vector of item number {int(items[np.isneginf(best)][0])}.")
        return nearest

    def _conditions(self, allowed: Numbers | None) -> Iterator[str]:
        """Return the expressions of searches that together cover all allowed items."""
        if allowed is None:
            yield self.expression
            return
        for start in range(0, len(allowed), NUMBERS_AT_ONCE):
            listed = one_of("item", allowed[start : start + NUMBERS_AT_ONCE])
            yield f"{listed} and ({self.expression})" if self.expression else listed

    def _items(self, queries: Floats, k: int, condition: str) -> tuple[Floats, Numbers]:
        """Search with twice as many rows until each query has k items or no row is left."""
        rows = min(k * _ROWS_PER_ITEM, MOST_ROWS)
        while True:
            distances, items = self._nearest(queries, rows, condition)
            exhausted = rows == MOST_ROWS or bool((items[:, -1] < 0).all())
            distances, items = first_of_each(distances, items, k)
            if exhausted or (items >= 0).all():
                return distances, items
            rows = min(rows * 2, MOST_ROWS)

    def _nearest(self, queries: Floats, rows: int, condition: str) -> tuple[Floats, Numbers]:
        """Distances and items of the nearest rows: [Q,rows]."""
        effort = {"ef": max(HNSW_SEARCH_EFFORT, 2 * rows)} if self.graph else {}
        with translate_errors(self.place):
            found = self.client.search(
                self.collection,
                data=list(queries),
                anns_field="vector",
                limit=rows,
                filter=condition,
                output_fields=["item"],
                search_params={"metric_type": "L2", "params": effort},
            )
        distances, items = nothing(len(queries), rows)
        for query, hits in enumerate(found):
            for column, hit in enumerate(hits):
                distances[query, column] = hit["distance"]
                items[query, column] = hit["entity"]["item"]
        return np.sqrt(np.maximum(distances, 0.0)), items

    def _rows(self, items: Numbers, fields: list[str]) -> Iterator[dict[str, Any]]:
        """Return the rows of these items."""
        if self.collection is not None:
            yield from rows_of(self.client, self.place, self.collection, items, fields)


def one_of(field: str, numbers: Numbers) -> str:
    """Return the expression that a field is one of these numbers."""
    return f"{field} in [{','.join(map(str, numbers.tolist()))}]"


def rows_of(client: Any, place: str, collection: str, items: Numbers, fields: list[str]) -> Iterator[dict[str, Any]]:
    """Return the rows of a collection that belong to these items, in no order."""
    for start in range(0, len(items), _ITEMS_AT_ONCE):
        with translate_errors(place):
            listed = one_of("item", items[start : start + _ITEMS_AT_ONCE])
            yield from client.query(collection, filter=listed, output_fields=fields)


def every_row(client: Any, place: str, collection: str, condition: str, fields: list[str]) -> Iterator[dict[str, Any]]:
    """Return all rows that fulfil an expression, in batches, in no order."""
    with translate_errors(place):
        iterator = client.query_iterator(collection, batch_size=1_000, filter=condition, output_fields=fields)
        try:
            while rows := iterator.next():
                yield from rows
        finally:
            iterator.close()
