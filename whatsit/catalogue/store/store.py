"""The store: items, pictures and vectors in one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged

from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.item import ItemFields, Outcome, Picture, Vector
from whatsit.catalogue.store.change_log import ChangeLog
from whatsit.catalogue.store.click_log import Clicks
from whatsit.catalogue.store.database import Database
from whatsit.catalogue.store.deleted_items import DeletedItems, forget_deleted, keep_deleted
from whatsit.catalogue.store.facets import Facet, facets
from whatsit.catalogue.store.field_columns import Columns
from whatsit.catalogue.store.field_summary import FieldCheck, field_summaries
from whatsit.catalogue.store.file_names import FileNames
from whatsit.catalogue.store.item_codes import ItemCodes
from whatsit.catalogue.store.item_details import item_details
from whatsit.catalogue.store.item_rows import (
    ITEM_FIELDS,
    delete_item,
    filter_condition,
    item_record,
    put_item,
    read_records,
)
from whatsit.catalogue.store.kept_embedders import KeptEmbedders
from whatsit.catalogue.store.local_feature_table import LocalStore
from whatsit.catalogue.store.object_table import ObjectTable, PlacedVectors
from whatsit.catalogue.store.picture_metadata import MetadataTable, PictureMetadata
from whatsit.catalogue.store.picture_places import PicturePlaces
from whatsit.catalogue.store.text_index import ItemText
from whatsit.catalogue.store.view_setting import ViewSetting
from whatsit.index.index_kind import Numbers


class Store:
    """The items of one catalogue.

    May be used from many threads (each has its own connection) and opened by many processes at once: readers never
    wait, writers wait for each other. What a method has returned from is on the disk.

    Args:
        path: the SQLite file.
        read_only: refuse changes, and refuse to make the file.

    Raises:
        Unavailable: `read_only`, and there is no such file.
        Damaged: it is no catalogue, or one of a newer version.
    """

    keeps_deleted = True
    keeps_metadata = True

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self._database = Database(path, read_only)
        self.path = path
        self.folder = path.parent.resolve()
        self.places = PicturePlaces(self._database, self.folder)
        if not read_only:
            self.places.record()
        self.changes = ChangeLog(self._database)
        self.columns = Columns(self._database)
        self.local = LocalStore(self._database)
        self.objects = ObjectTable(self._database)
        self.views = ViewSetting(self._database)
        self.text = ItemText(self._database)
        self.codes = ItemCodes(self._database)
        self.clicks = Clicks(self._database)
        self.facts = MetadataTable(self._database)
        self.files = FileNames(self._database)
        self.deleted = DeletedItems(self._database)
        self.embedders = KeptEmbedders(self._database)
        self.check_where = FieldCheck(self._database, self.changes)
        self.field_summaries = partial(field_summaries, self._database)

    @property
    def keeps_local(self) -> bool:
        """Return whether the catalogue keeps local features of its pictures."""
        return self.local.kept

    @property
    def keeps_objects(self) -> bool:
        """Return whether objects in pictures are indexed."""
        return self.objects.kept

    @property
    def keeps_views(self) -> bool:
        """Return whether pictures are embedded by several views."""
        return self.views.kept

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections of all threads."""
        self._database.close()

    def snapshot(self) -> AbstractContextManager[sqlite3.Connection]:
        """Answer all queries of this thread from one state; give the connection.

        Others may write meanwhile.
        """
        return self._database.snapshot()

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """Commit all changes of this thread together, or none; give the connection."""
        return self._database.transaction()

    def copy_to(self, path: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Copy the store into a new file; see `Database.copy_to`."""
        self._database.copy_to(path, progress)

    def integrity(self) -> list[str]:
        """Return what SQLite's own checks find wrong, [] where all is well."""
        return self._database.integrity()

    def put(self, changes: Iterable[tuple[ItemFields, Sequence[Picture], str]]) -> list[Outcome]:
        """Add items or replace those whose id is there: all, or none on an error.

        Args:
            changes: fields, pictures (the first is the main one) and the fingerprint of the embedder of their vectors.

        Returns:
            Per item whether it was new.
        """
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        with self.transaction() as connection:
            return [put_item(connection, self.folder, *change, now) for change in changes]

    def delete(self, ids: Sequence[str], forever: bool = False) -> list[str]:
        """Delete items with their pictures and vectors; return the unknown ids.

        Unless `forever`, `deleted` keeps them for a while, with their files in the catalogue's folder.
        """
        with self._database.transaction() as connection:
            if not forever:
                keep_deleted(connection, ids)
            gone = forget_deleted(connection, ids if forever else ())
            unknown = [id for id in ids if not delete_item(connection, id)]
        for name in gone:
            (self.folder / name).unlink(missing_ok=True)
        return unknown

    def count(self, where: Filter | None = None) -> int:
        """Return the number of items, or of those that fulfil the filter.

        Merged items do not count.
        """
        condition, parameters = filter_condition(where)
        return int(self._database.rows(f"SELECT count(*) FROM items WHERE {condition}", parameters)[0][0])

    def select(self, where: Filter) -> Numbers:
        """Return the numbers of the items that fulfil the filter, int64 ascending."""
        condition, parameters = filter_condition(where)
        rows = self._database.rows(f"SELECT number FROM items WHERE {condition} ORDER BY number", parameters)
        return np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))

    def facets(self, numbers: Numbers | None = None, limit: int = 20) -> list[Facet]:
        """Return the facets of these items, or of all; see `facets`."""
        return facets(self._database, numbers, limit)

    def page(self, where: Filter | None = None, limit: int = 50, offset: int = 0) -> list[dict[str, Any]]:
        """Return records in the order in which items were added, without merged ones."""
        condition, parameters = filter_condition(where)
        rows = self._database.rows(
            f"SELECT number FROM items WHERE {condition} ORDER BY number LIMIT ? OFFSET ?",
            [*parameters, limit, offset],
        )
        return list(self.records([row[0] for row in rows]).values())

    def records(self, numbers: Iterable[int]) -> dict[int, dict[str, Any]]:
        """What is known of these items, for `ITEM_RECORDS`.

        Args:
            numbers: item numbers; those that are not there (deleted since, or the padding -1) are left out.

        Returns:
            Number -> id, title, brand, category, image (path of the main picture), price, url, attributes;
            None where nothing is known. In the order of `numbers`.
        """
        return read_records(self._database, self.places, numbers)

    def item_categories(self) -> tuple[Numbers, list[str | None]]:
        """Return the numbers of all items, int64 ascending, and the category of each."""
        rows = self._database.rows("SELECT number, category FROM items ORDER BY number")
        return np.array([number for number, _ in rows], dtype=np.int64), [category for _, category in rows]

    def show(self, id: str) -> dict[str, Any]:
        """Return all data of one item.

        Its record, and `number`, `added`, `updated`, `merged_into`, `predicted`, `images`.

        `merged_into` is the id of the item as which it is found, None where it is not merged; a picture that was
        dropped in cleaning is `hidden`.

        Raises:
            InvalidInput: there is no such item.
        """
        return item_details(self._database, self.facts, self.places, self.records, id)

    def merged_into(self, id: str) -> list[str]:
        """Return the ids of the items merged into this one, in the order of adding."""
        rows = self._database.rows(
            "SELECT id FROM items WHERE merged_into = (SELECT number FROM items WHERE id = ?) ORDER BY number", [id]
        )
        return [row[0] for row in rows]

    def pictures(self, id: str, fingerprint: str) -> tuple[Picture, ...]:
        """Return an item's pictures with vectors by this embedder, () for no item."""
        rows = self._database.rows(
            "SELECT images.image, path, sha256, local_features.rows, x1, y1, x2, y2, vector, vectors.score "
            "FROM items JOIN images ON item = number LEFT JOIN local_features ON local_features.image = images.image "
            "LEFT JOIN vectors ON vectors.image = images.image AND fingerprint = ? WHERE id = ? "
            "ORDER BY position, vectors.rowid",
            [fingerprint, id],
        )
        found: dict[int, tuple[str, str, bytes | None, list[Vector]]] = {}
        for image, path, sha256, local, x1, y1, x2, y2, blob, score in rows:
            vectors = found.setdefault(image, (path, sha256, local, []))[3]
            if blob is not None:
                vectors.append(Vector((x1, y1, x2, y2), np.frombuffer(blob, dtype="<f4"), score))
        facts = self.facts.of(found)
        return tuple(
            Picture(self.places(path), sha256, tuple(vectors), local, facts.get(image, PictureMetadata()))
            for image, (path, sha256, local, vectors) in found.items()
        )

    def placed_vectors(self, numbers: Iterable[int], fingerprint: str) -> PlacedVectors:
        """Return the visible vectors of these items, with picture and box of each."""
        return self.objects.vectors(numbers, fingerprint)

    def fields(self, id: str) -> ItemFields | None:
        """Return the fields of an item as they were put, None if there is no such item."""
        if not (rows := self._database.rows(f"SELECT {ITEM_FIELDS}, NULL FROM items WHERE id = ?", [id])):
            return None
        record = item_record(rows[0], self.places)
        return ItemFields(**{name: value for name, value in record.items() if name != "image"})

    def unchanged(self, items: Sequence[tuple[ItemFields, Sequence[Picture]]], fingerprint: str) -> set[str]:
        """Return the ids of those items that are stored with these fields and pictures."""
        return {
            fields.id
            for fields, pictures in items
            if self.fields(fields.id) == fields
            and [(one.path, one.sha256, len(one.vectors)) for one in self.pictures(fields.id, fingerprint)]
            == [(one.path, one.sha256, len(one.vectors)) for one in pictures]
        }

    def fingerprints(self) -> list[str]:
        """Return the embedders whose vectors are here, the serving or latest one first."""
        return self.embedders.all(self.folder)

    def vector_count(self, fingerprint: str) -> int:
        """Return how many vectors of this embedder are here."""
        return int(self._database.rows("SELECT count(*) FROM vectors WHERE fingerprint = ?", [fingerprint])[0][0])

    def vectors(self, fingerprint: str) -> tuple[npt.NDArray[np.float32], Numbers]:
        """Return an embedder's visible vectors and their items.

        A dropped picture has none; a merged item's are the main one's.

        Returns:
            f32 [N,D] and the item numbers int64 [N], ascending; D is 0 where N is 0.

        Raises:
            Damaged: the vectors do not have one length.
        """
        with self._database.reading() as connection:
            total, shortest, longest = connection.execute(
                "SELECT count(*), min(length(vector)), max(length(vector)) FROM vectors JOIN images USING (image) "
                "WHERE fingerprint = ? AND found_as IS NOT NULL",
                (fingerprint,),
            ).fetchone()
            if shortest != longest or (total and (not shortest or shortest % 4)):
                raise Damaged(f"The catalogue {self.path} holds vectors of unequal length; add its items again.")
            values = np.empty((total, (shortest or 0) // 4), dtype=np.float32)
            numbers = np.empty(total, dtype=np.int64)
            cursor = connection.execute(
                "SELECT found_as, vector FROM vectors JOIN images USING (image) "
                "WHERE fingerprint = ? AND found_as IS NOT NULL "
                "ORDER BY found_as, found_as != item, item, position, vectors.rowid LIMIT ?",
                (fingerprint, total),
            )
            for row, (number, blob) in enumerate(cursor):
                numbers[row], values[row] = number, np.frombuffer(blob, dtype="<f4")
        return values, numbers
