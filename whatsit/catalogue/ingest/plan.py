"""First step: rows in batches, each id once, with what the store holds of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from whatsit.catalogue.item import Picture
from whatsit.catalogue.protocols import CatalogueStore
from whatsit.catalogue.sources.source_row import Row, Skipped


@dataclass(frozen=True)
class Task:
    """A row on its way.

    Args:
        row: what the source says.
        before: the pictures of the item that the store holds, with their vectors by the embedder in use.
        same_fields: whether the store's fields are the row's.
    """

    row: Row
    before: tuple[Picture, ...] = ()
    same_fields: bool = False


Batch = list[Task | Skipped]


def plan(store: CatalogueStore, rows: Iterable[Row | Skipped], fingerprint: str, size: int) -> Iterator[Batch]:
    """Return rows in batches of `size`; of rows with one id the first wins."""
    batch: Batch = []
    for row in _first_of_each_id(rows):
        batch.append(row if isinstance(row, Skipped) else _task(store, row, fingerprint))
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _task(store: CatalogueStore, row: Row, fingerprint: str) -> Task | Skipped:
    """Return the row with the fields of the stored item that it does not have."""
    before = store.fields(row.fields.id)
    if before is None:
        if not row.images:
            return Skipped(row.place, f"it has no image, and the catalogue has no item '{row.fields.id}'")
        return Task(row)
    pictures = store.pictures(row.fields.id, fingerprint)
    if not row.images and not all(picture.vectors for picture in pictures):
        return Skipped(
            row.place, f"the pictures of item '{row.fields.id}' lack vectors; add the item with its pictures"
        )
    after = row.onto(before)
    return Task(replace(row, fields=after), pictures, before == after)


def _first_of_each_id(rows: Iterable[Row | Skipped]) -> Iterator[Row | Skipped]:
    """Skip rows whose id came before; ids go to a temporary file, to save memory."""
    with closing(sqlite3.connect("", isolation_level=None, check_same_thread=False)) as places:
        for pragma in ("journal_mode = OFF", "synchronous = OFF"):
            places.execute(f"PRAGMA {pragma}")
        places.execute("CREATE TABLE places (id TEXT PRIMARY KEY, place TEXT NOT NULL) WITHOUT ROWID")
        places.execute("BEGIN")
        for row in rows:
            if isinstance(row, Row) and not _is_first(places, row):
                (first,) = places.execute("SELECT place FROM places WHERE id = ?", (row.fields.id,)).fetchone()
                yield Skipped(row.place, f"the id '{row.fields.id}' is already that of {first}")
            else:
                yield row


def _is_first(places: sqlite3.Connection, row: Row) -> bool:
    # A file's name may be any bytes, and SQLite takes UTF-8 alone.
    place = row.place.encode("utf-8", "replace").decode()
    return places.execute("INSERT OR IGNORE INTO places VALUES (?,?)", (row.fields.id, place)).rowcount == 1
