"""What the rooms above ask of a catalogue, whichever engine keeps it: SQLite with FAISS, or Milvus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.item import ItemFields, Picture
from whatsit.index.searcher import Searcher

Numbers = npt.NDArray[np.int64]
Outcome = Literal["added", "updated"]


class LocalFeatureStore(Protocol):
    """The part of an engine that may keep local features."""

    @property
    def kept(self) -> bool:
        """Whether this catalogue keeps local features of its pictures."""
        ...


class TextIndex(Protocol):
    """The part of an engine that finds items by words."""

    def search(self, text: str, limit: int, allowed: Numbers | None = None) -> Numbers:
        """The numbers of the items that hold any of the words, int64, best first; see `ItemText.search`.

        Raises:
            InvalidInput: the text has no words, or the engine has no search by words.
        """
        ...


class CatalogueStore(Protocol):
    """The items of one catalogue, with their pictures and vectors. `Store` documents each method."""

    @property
    def local(self) -> LocalFeatureStore:
        """Local features."""
        ...

    @property
    def text(self) -> TextIndex:
        """Search by words."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...

    def put(self, changes: Iterable[tuple[ItemFields, Sequence[Picture], str]]) -> list[Outcome]:
        """Add items, or replace all that is known of those whose id is there."""
        ...

    def delete(self, ids: Sequence[str]) -> list[str]:
        """Delete items; returns those ids that were not there."""
        ...

    def count(self, where: Filter | None = None) -> int:
        """How many items there are, or how many fulfil the filter."""
        ...

    def select(self, where: Filter) -> Numbers:
        """The numbers of the items that fulfil the filter, int64 ascending."""
        ...

    def page(self, where: Filter | None = None, limit: int = 50, offset: int = 0) -> list[dict[str, Any]]:
        """Records in the order of the items' numbers."""
        ...

    def records(self, numbers: Iterable[int]) -> dict[int, dict[str, Any]]:
        """What is known of these items, for `ITEM_RECORDS`."""
        ...

    def show(self, id: str) -> dict[str, Any]:
        """Everything about one item."""
        ...

    def pictures(self, id: str, fingerprint: str) -> tuple[Picture, ...]:
        """The pictures of an item with their vectors by this embedder; () if it is not there."""
        ...

    def fields(self, id: str) -> ItemFields | None:
        """The fields of an item as they were put, None if there is no such item."""
        ...

    def fingerprints(self) -> list[str]:
        """The embedders whose vectors are here, the latest used one first."""
        ...

    def vectors(self, fingerprint: str) -> tuple[npt.NDArray[np.float32], Numbers]:
        """All vectors of one embedder, f32 [N,D], and the item of each, int64 [N] ascending: for measurements."""
        ...


class IndexView(Protocol):
    """The vectors of one embedder, followed as they change. `LiveIndex` and Milvus' are such."""

    def now(self) -> Searcher:
        """The index with every change that was committed before this call."""
        ...

    def where(self, where: Filter) -> tuple[Searcher, Numbers | None]:
        """The index with every change so far, for a search among the items that fulfil a filter.

        Returns:
            The index, and what to give to its searches as `allowed`: None where it keeps to the filter by itself.
        """
        ...
