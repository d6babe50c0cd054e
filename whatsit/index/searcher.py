"""Interface of a searched index, whichever engine keeps the vectors."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from whatsit.index.shard import Floats, Numbers
from whatsit.index.visual_words import VisualWords


class Searcher(Protocol):
    """A snapshot of an index, safe for many threads.

    `Generation`, `DeltaIndex` and `MilvusSearcher` implement it.
    """

    @property
    def words(self) -> VisualWords | None:
        """The visual words, None where the index keeps none."""
        ...

    def search(self, queries: Floats, k: int, allowed: Numbers | None = None) -> tuple[Floats, Numbers]:
        """Return the k nearest items of each query, each once, with its nearest vector.

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
        ...

    def contains(self, items: Numbers) -> npt.NDArray[np.bool_]:
        """Return whether each item, int64 [K], has a vector now: bool [K]."""
        ...

    def nearest_vectors(self, query: Floats, items: Numbers) -> Floats:
        """Return of each item the stored vector that is nearest to the query.

        Args:
            query: f32 [D], unit length.
            items: int64 [K], item numbers, each at most once.

        Returns:
            f32 [K,D], unit length.

        Raises:
            InvalidInput: an item has no vector here.
        """
        ...
