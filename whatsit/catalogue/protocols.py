"""Protocols of a catalogue's store and of its index view."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.item import ItemFields, Outcome, Picture
from whatsit.catalogue.store.change_log import ChangeLog
from whatsit.catalogue.store.click_log import Clicks
from whatsit.catalogue.store.facets import Facet
from whatsit.catalogue.store.field_summary import FieldSummary
from whatsit.catalogue.store.item_codes import ItemCodes
from whatsit.catalogue.store.object_table import PlacedVectors
from whatsit.catalogue.store.picture_metadata import MetadataTable
from whatsit.catalogue.store.text_index import ItemText
from whatsit.index.index_kind import Numbers
from whatsit.index.searcher import Searcher


class CatalogueStore(Protocol):
    """The items of one catalogue, with their pictures and vectors.

    `Store` documents each method. What a store cannot do raises InvalidInput with a sentence.
    """

    @property
    def keeps_metadata(self) -> bool:
        """Return whether results of ingestion steps and pictures from the web are kept."""

    @property
    def keeps_deleted(self) -> bool:
        """Return whether a deletion can be undone."""

    @property
    def keeps_local(self) -> bool:
        """Return whether the catalogue keeps local features of its pictures."""

    @property
    def keeps_objects(self) -> bool:
        """Return whether the objects in catalogue pictures have vectors of their own."""

    @property
    def keeps_views(self) -> bool:
        """Return whether catalogue pictures are embedded by several views."""

    @property
    def changes(self) -> ChangeLog | None:
        """Return the change log, None where the store has none."""

    @property
    def text(self) -> ItemText:
        """Return the search by words."""

    @property
    def codes(self) -> ItemCodes | None:
        """Return the look-up by codes, None where the store has none."""

    @property
    def clicks(self) -> Clicks:
        """Return the click log."""

    @property
    def facts(self) -> MetadataTable:
        """Return the metadata of all pictures."""

    def close(self) -> None:
        """Let go of files and connections."""

    def put(self, changes: Iterable[tuple[ItemFields, Sequence[Picture], str]]) -> list[Outcome]:
        """Add items, or replace all that is known of those whose id is there."""

    def delete(self, ids: Sequence[str], forever: bool = False) -> list[str]:
        """Delete items, perhaps so that it cannot be undone; return the unknown ids."""

    def count(self, where: Filter | None = None) -> int:
        """Return how many items there are, or how many fulfil the filter."""

    def select(self, where: Filter) -> Numbers:
        """Return the numbers of the items that fulfil the filter, int64 ascending."""

    def facets(self, numbers: Numbers | None = None, limit: int = 20) -> list[Facet]:
        """Return the facets of these items, or of all."""

    def check_where(self, where: Filter | None, found: int) -> None:
        """Refuse a filter that found nothing and names a field that no item has."""

    def field_summaries(self) -> list[FieldSummary]:
        """Return the fields that filters may name, with examples of their values."""

    def page(self, where: Filter | None = None, limit: int = 50, offset: int = 0) -> list[dict[str, Any]]:
        """Records in the order of the items' numbers."""

    def records(self, numbers: Iterable[int]) -> dict[int, dict[str, Any]]:
        """What is known of these items, for `ITEM_RECORDS`."""

    def show(self, id: str) -> dict[str, Any]:
        """Everything about one item."""

    def pictures(self, id: str, fingerprint: str) -> tuple[Picture, ...]:
        """Return an item's pictures with vectors by this embedder, () for no item."""

    def placed_vectors(self, numbers: Iterable[int], fingerprint: str) -> PlacedVectors:
        """Return the visible vectors of these items, with picture and box of each."""

    def fields(self, id: str) -> ItemFields | None:
        """Return the fields of an item as they were put, None if there is no such item."""

    def merged_into(self, id: str) -> list[str]:
        """Return the ids of the items that are found as this one."""

    def unchanged(self, items: Sequence[tuple[ItemFields, Sequence[Picture]]], fingerprint: str) -> set[str]:
        """Return the ids of those items that are stored with these fields and pictures."""

    def fingerprints(self) -> list[str]:
        """Return the embedders whose vectors are here, the latest used one first."""

    def vector_count(self, fingerprint: str) -> int:
        """Return how many vectors of this embedder are here."""

    def vectors(self, fingerprint: str) -> tuple[npt.NDArray[np.float32], Numbers]:
        """Return an embedder's vectors f32 [N,D] and item numbers int64 [N], ascending."""


class IndexView(Protocol):
    """Index of one embedder's vectors, brought up to date at every call."""

    def now(self) -> Searcher:
        """Return the index with every change that was committed before this call."""

    def where(self, where: Filter) -> tuple[Searcher, Numbers | None]:
        """Return the index for a search among the items that fulfil a filter.

        Returns:
            The index, and what to give to its searches as `allowed`: None where it keeps to the filter by itself.
        """
