"""Fields of filters from a publication's file: the same items as the table gives, also after changes."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from whatsit.catalogue import Filter, Store
from whatsit.catalogue.store.change_log import record_change
from whatsit.catalogue.store.column_file import FIELDS_FILE, ColumnFile
from whatsit.catalogue.store.field_columns import Columns

FILTERS = (
    {"brand": "brand1"},
    {"price": {"$lt": 5}},
    {"colour": {"$in": ["red", "3"]}, "size": {"$gte": 2}},
    {"tags": {"$exists": True}},
    {"$not": {"$or": [{"flag": True}, {"size": 1}]}},
    {"category": None},
    {"unseen": "x"},
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A catalogue of 300 items without pictures, with values of every kind."""
    path = tmp_path / "catalogue.sqlite"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        for i in range(300):
            colour = ("red", "3", None, 3)[i % 4]
            tags = [[1], {"a": 1}, "x"][i % 3]
            attributes = {"colour": colour, "size": i % 5 if i % 2 else f"{i % 5}.0", "tags": tags, "flag": i % 7 == 0}
            row = (f"i{i}", f"Item {i}", f"brand{i % 4}", None if i % 3 else "c", i / 10, json.dumps(attributes))
            connection.execute(
                "INSERT INTO items (id, title, brand, category, price, attributes, added, updated) "
                "VALUES (?,?,?,?,?,?,'2026','2026')",
                row,
            )
    return path


def change(store: Store, number: int, sql: str) -> None:
    with store._database.transaction() as connection:
        connection.execute(sql)
        record_change(connection, number)


def check(store: Store, prepared: Path) -> Columns:
    columns = Columns(store._database)
    columns.prepare(prepared)
    for where in FILTERS:
        selected = columns.select(Filter.parse(where))
        assert selected is not None
        np.testing.assert_array_equal(selected, store.select(Filter.parse(where)), str(where))
    return columns


def test_the_file_stands_for_the_table(path: Path) -> None:
    prepared = path.with_name(FIELDS_FILE)
    with Store(path) as store:
        store.columns.save(prepared)
        file = ColumnFile.open(prepared)
        assert file is not None
        assert {"brand", "price", "attributes.size", "attributes.tags"} <= set(file.fields)
        check(store, prepared)
        change(store, 5, "UPDATE items SET price = 1, brand = 'brand1', attributes = '{\"size\": 9}' WHERE number = 5")
        change(store, 7, "DELETE FROM items WHERE number = 7")
        change(store, 301, "INSERT INTO items (number, id, title, brand, attributes, added, updated) "
               "VALUES (301, 'new', 'New', 'brand1', '{}', '', '')")  # fmt: skip
        columns = check(store, prepared)
        assert columns._file is not None
        change(store, 11, 'UPDATE items SET attributes = \'{"unseen": "x"}\' WHERE number = 11')
        late = check(store, prepared).select(Filter.parse({"unseen": "x"}))
        assert late is not None
        assert late.tolist() == [11]
        change(store, 9, "UPDATE items SET brand = 'brand1' WHERE number = 9")
        selected = columns.select(Filter.parse({"brand": "brand1"}))
        assert selected is not None
        assert {5, 9, 301} <= set(selected.tolist())


def test_a_file_that_does_not_fit_is_left(path: Path, tmp_path: Path) -> None:
    prepared = path.with_name(FIELDS_FILE)
    with Store(path) as store:
        assert check(store, tmp_path / "missing.npz")._file is None
        prepared.write_bytes(b"no file of fields")
        assert check(store, prepared)._file is None
        change(store, 5, "UPDATE items SET price = 2 WHERE number = 5")
        store.columns.save(prepared)
        with store._database.transaction() as connection:
            connection.execute("DELETE FROM changes")
            # A back-up of an earlier state was put in its place.
            connection.execute("UPDATE sqlite_sequence SET seq = 0 WHERE name = 'changes'")
        assert check(store, prepared)._file is None
        prepared.write_bytes(prepared.read_bytes()[:4000])
        check(store, prepared)
