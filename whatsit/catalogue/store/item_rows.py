"""Rows of one item: read, written and deleted inside a transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.item import ItemFields, Outcome, Picture
from whatsit.catalogue.store.change_log import record_change
from whatsit.catalogue.store.database import Database
from whatsit.catalogue.store.decision_effects import apply_decisions, apply_merge_decisions
from whatsit.catalogue.store.kept_embedders import KeptVectors, insert_vectors, kept_vectors
from whatsit.catalogue.store.picture_files import stored_path
from whatsit.catalogue.store.picture_metadata import PictureMetadata, record_metadata
from whatsit.catalogue.store.text_index import record_text

# A statement takes at most 32,766 values.
_BATCH = 10_000
ITEM_FIELDS = "number, id, title, brand, category, price, url, attributes"


def filter_condition(where: Filter | None) -> tuple[str, list[Any]]:
    """Return the SQL condition of visible items that fulfil a filter, and its values."""
    condition, parameters = ("1", []) if where is None else where.sql()
    return f"merged_into IS NULL AND ({condition})", parameters


def item_record(row: Sequence[Any], place: Callable[[str], str]) -> dict[str, Any]:
    """Return a row of `ITEM_FIELDS` and the main picture as a record.

    Args:
        row: of the table.
        place: finds the file of a stored path.
    """
    _, id, title, brand, category, price, url, attributes, image = row
    return {
        "id": id,
        "title": title,
        "brand": brand,
        "category": category,
        "image": None if image is None else place(image),
        "price": price,
        "url": url,
        "attributes": json.loads(attributes),
    }


def read_records(database: Database, place: Callable[[str], str], numbers: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Return number -> record of these items, in the order of the numbers."""
    asked = list(dict.fromkeys(int(number) for number in numbers))
    found: dict[int, dict[str, Any]] = {}
    for start in range(0, len(asked), _BATCH):
        batch = asked[start : start + _BATCH]
        marks = ",".join("?" * len(batch))
        for row in database.rows(
            f"SELECT {ITEM_FIELDS}, (SELECT path FROM images WHERE item = number AND found_as IS NOT NULL "
            f"ORDER BY position LIMIT 1) FROM items WHERE number IN ({marks})",
            batch,
        ):
            found[row[0]] = item_record(row, place)
    return {number: found[number] for number in asked if number in found}


def put_item(
    connection: sqlite3.Connection,
    folder: Path,
    fields: ItemFields,
    pictures: Sequence[Picture],
    fingerprint: str,
    now: str,
) -> Outcome:
    """Add an item with its pictures and vectors, or replace it; return which."""
    attributes = json.dumps(fields.attributes, ensure_ascii=False, allow_nan=False, sort_keys=True)
    values = (fields.title, fields.brand, fields.category, fields.price, fields.url, attributes, now)
    known = connection.execute("SELECT number FROM items WHERE id = ?", (fields.id,)).fetchone()
    kept: KeptVectors = {}
    if known is None:
        number = connection.execute(
            "INSERT INTO items (title, brand, category, price, url, attributes, updated, added, id) "
            "VALUES (?,?,?,?,?,?,?,?,?)",
            (*values, now, fields.id),
        ).lastrowid
        assert number is not None  # of the row that was just inserted
    else:
        number = known[0]
        connection.execute(
            "UPDATE items SET title = ?, brand = ?, category = ?, price = ?, url = ?, attributes = ?, "
            "updated = ? WHERE number = ?",
            (*values, number),
        )
        kept = kept_vectors(connection, number, fingerprint)
        connection.execute("DELETE FROM images WHERE item = ?", (number,))
    for position, picture in enumerate(pictures):
        image = connection.execute(
            "INSERT INTO images (item, position, path, sha256, found_as) VALUES (?,?,?,?,?)",
            (number, position, stored_path(picture.path, folder), picture.sha256, number),
        ).lastrowid
        others = {**kept.get(picture.sha256, {}), **picture.others, fingerprint: picture.vectors}
        for embedder, vectors in others.items():
            insert_vectors(connection, image, embedder, vectors)
        if picture.local is not None:
            connection.execute("INSERT INTO local_features VALUES (?,?)", (image, picture.local))
        if picture.facts != PictureMetadata():
            record_metadata(connection, image, picture.facts)
    apply_decisions(connection, number)
    if known is None:
        apply_merge_decisions(connection, fields.id)
    return "added" if known is None else "updated"


def write_fields(connection: sqlite3.Connection, fields: ItemFields, now: str) -> None:
    """Write the fields of an item that is there; its pictures and vectors stay."""
    attributes = json.dumps(fields.attributes, ensure_ascii=False, allow_nan=False, sort_keys=True)
    (number,) = connection.execute("SELECT number FROM items WHERE id = ?", (fields.id,)).fetchone()
    connection.execute(
        "UPDATE items SET title = ?, brand = ?, category = ?, price = ?, url = ?, attributes = ?, updated = ? "
        "WHERE number = ?",
        (fields.title, fields.brand, fields.category, fields.price, fields.url, attributes, now, number),
    )
    apply_decisions(connection, number)


def delete_item(connection: sqlite3.Connection, id: str) -> bool:
    """Delete an item and return whether it was there."""
    known = connection.execute("SELECT number, merged_into FROM items WHERE id = ?", (id,)).fetchone()
    if known is None:
        return False
    number, main = known
    connection.execute("DELETE FROM items WHERE number = ?", (number,))
    record_text(connection, number)
    record_change(connection, number)
    if main is not None:
        record_change(connection, main)
    apply_merge_decisions(connection, id)
    return True
