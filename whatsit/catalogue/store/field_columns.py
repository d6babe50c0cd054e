"""Columns of filtered fields in memory, in place of SQLite scans."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt

from whatsit.catalogue.filter.condition import ATTRIBUTE, Compare, Condition, Join, Not
from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.store.change_log import last_change
from whatsit.catalogue.store.column_file import ColumnFile, write_column_file
from whatsit.catalogue.store.database import Database
from whatsit.catalogue.store.field_column import Column
from whatsit.index.index_kind import Numbers

Mask = npt.NDArray[np.bool_]

MOST_VALUES = 200_000
"""A field with more distinct values, such as an id or a title, is left to SQLite: its copy would be as large as it."""

# So many changed items are read again one by one; after more, everything is.
_MOST_CHANGES = 20_000
_MANY = 500
# Fields that a publication writes: these, and the most frequent attributes.
_WRITTEN, _MOST_ATTRIBUTES = ("brand", "category", "price"), 24


class Columns:
    """Selects items as `Store.select` does, in milliseconds at a million items.

    A field is read when a filter asks for it for the first time, which takes about a second per million items; from
    then on the change log brings it up to date. It costs 4 bytes an item and its distinct values; besides, 10 bytes
    an item. May be used from many threads.

    Args:
        database: of the store.
        most_values: see `MOST_VALUES`.
    """

    def __init__(self, database: Database, most_values: int = MOST_VALUES) -> None:
        self._database, self._most_values = database, most_values
        self._lock = threading.Lock()
        self._prepared: Path | None = None
        self._forget()

    def prepare(self, path: Path) -> None:
        """Take fields from a file of `save` where it fits, in place of reading the table."""
        self._prepared = path

    def save(self, path: Path) -> None:
        """Write the fields that filters name most, for `prepare`."""
        with self._lock, self._database.snapshot() as connection:
            self._catch_up(connection)
            attributes = _attributes(connection)
            named = [field for field in attributes if '"' not in field and "\\" not in field][:_MOST_ATTRIBUTES]
            for field in (*_WRITTEN, *named):
                if field not in self._columns.keys() | self._wide:
                    self._read(connection, field)
            items = self._numbers[: self._count], self._there[: self._count], self._alive[: self._count]
            write_column_file(path, self._position or 0, items, sorted(self._wide), attributes, self._columns)

    def select(self, where: Filter) -> Numbers | None:
        """Return the items that fulfil the filter, int64 ascending; None: ask SQLite.

        Every change that was committed before this call counts.
        """
        fields = _fields(where.root)
        with self._lock, self._database.snapshot() as connection:
            self._catch_up(connection)
            for field in fields - self._columns.keys() - self._wide:
                self._read(connection, field)
            if fields & self._wide:
                return None
            numbers: Numbers = self._numbers[: self._count]
            return np.asarray(numbers[self._holds(where.root) & self._alive[: self._count]])

    def _forget(self) -> None:
        self._file: ColumnFile | None = None
        self._columns: dict[str, Column] = {}
        self._wide = {"id"}
        self._position: int | None = None
        self._count = 0
        self._numbers = np.empty(0, dtype=np.int64)
        self._there = np.empty(0, dtype=bool)  # in the table, merged into another item or not
        self._alive = np.empty(0, dtype=bool)  # to be selected

    def _holds(self, condition: Condition) -> Mask:
        """Return whether the condition holds for each item: bool [N]."""
        if isinstance(condition, Not):
            return ~self._holds(condition.part)
        if isinstance(condition, Join):
            mask = np.full(self._count, not condition.any)
            # What one field alone decides is joined over its distinct values, not over the items.
            for field in dict.fromkeys(part.field for part in condition.parts if isinstance(part, Compare)):
                compares = [part for part in condition.parts if isinstance(part, Compare) and part.field == field]
                mask = _join(condition.any, mask, self._columns[field].holds(compares, condition.any, self._count))
            for part in condition.parts:
                if not isinstance(part, Compare):
                    mask = _join(condition.any, mask, self._holds(part))
            return mask
        return self._columns[condition.field].holds([condition], True, self._count)

    def _catch_up(self, connection: sqlite3.Connection) -> None:
        """Bring what is in memory to the state of the connection's snapshot."""
        position = last_change(connection)
        if position == self._position:
            return
        changed = self._changed(connection, self._position)
        if changed is None:
            self._forget()
            if self._restore(position):
                changed = self._changed(connection, self._position)
            if changed is None:
                self._forget()
                rows = connection.execute("SELECT number, merged_into IS NULL FROM items ORDER BY number").fetchall()
                self._append(rows)
        for start in range(0, len(changed or ()), _MANY):
            self._reread(connection, (changed or [])[start : start + _MANY])
        self._position = position
        if self._count > 2 * np.count_nonzero(self._alive) + _MOST_CHANGES:  # many deleted items are still held
            self._prepared = None
            self._forget()
            self._catch_up(connection)

    def _restore(self, position: int) -> bool:
        """Begin with the prepared file unless it is of a later state; return whether."""
        file = None if self._prepared is None else ColumnFile.open(self._prepared)
        if file is None or file.position > position:
            return False
        self._file, self._position, self._count = file, file.position, len(file.numbers)
        self._numbers, self._there, self._alive = file.numbers, file.there, file.alive
        self._wide |= set(file.wide)
        return True

    def _changed(self, connection: sqlite3.Connection, since: int | None) -> list[int] | None:
        """Return the items changed since, ascending; None where all must be read again."""
        if since is None or since < connection.execute("SELECT sequence FROM trimmed").fetchone()[0]:
            return None
        rows = connection.execute(
            "SELECT DISTINCT item FROM changes WHERE sequence > ? ORDER BY item LIMIT ?",
            (since, _MOST_CHANGES + 1),
        ).fetchall()
        return None if len(rows) > _MOST_CHANGES else [row[0] for row in rows]

    def _reread(self, connection: sqlite3.Connection, items: list[int]) -> None:
        listed = f"WHERE number IN ({','.join(map(str, items))}) ORDER BY number"
        found = connection.execute(f"SELECT number, merged_into IS NULL FROM items {listed}").fetchall()
        last = int(self._numbers[self._count - 1]) if self._count else 0
        self._append([row for row in found if row[0] > last])
        places = np.searchsorted(self._numbers[: self._count], [row[0] for row in found])
        gone = np.searchsorted(self._numbers[: self._count], items)
        there = gone < self._count
        there[there] = self._numbers[gone[there]] == np.array(items)[there]
        self._there[gone[there]] = False
        self._alive[gone[there]] = False
        self._there[places] = True
        self._alive[places] = [bool(row[1]) for row in found]
        for field, column in list(self._columns.items()):
            column.set(places, [row[0] for row in column.rows(connection, listed)])
            self._drop_if_wide(field)

    def _append(self, rows: list[tuple[int, int]]) -> None:
        """Append items with higher numbers than all before."""
        total = self._count + len(rows)
        if total > len(self._numbers):
            more = max(total, 2 * self._count if self._count else total) - len(self._numbers)
            self._numbers = np.concatenate([self._numbers, np.zeros(more, dtype=np.int64)])
            self._there = np.concatenate([self._there, np.zeros(more, dtype=bool)])
            self._alive = np.concatenate([self._alive, np.zeros(more, dtype=bool)])
        self._numbers[self._count : total] = [row[0] for row in rows]
        self._there[self._count : total] = True
        self._alive[self._count : total] = [bool(row[1]) for row in rows]
        self._count = total

    def _read(self, connection: sqlite3.Connection, field: str) -> None:
        column = self._from_file(connection, field)
        if column is None:
            column = Column(field)
            column.read(connection, np.flatnonzero(self._there[: self._count]), self._most_values)
        self._columns[field] = column
        self._drop_if_wide(field)

    def _from_file(self, connection: sqlite3.Connection, field: str) -> Column | None:
        """Return a field of the prepared file, brought up to date; None if it has none."""
        file = self._file
        changed = self._changed(connection, file.position) if file is not None and file.knows(field) else None
        column = None if file is None or changed is None else file.column(field)
        if column is None or changed is None:
            return None
        for start in range(0, len(changed), _MANY):
            listed = f"WHERE number IN ({','.join(map(str, changed[start : start + _MANY]))}) ORDER BY number"
            found = [row[0] for row in connection.execute(f"SELECT number FROM items {listed}")]
            places = np.searchsorted(self._numbers[: self._count], found)
            column.set(places, [row[0] for row in column.rows(connection, listed)])
        return column

    def _drop_if_wide(self, field: str) -> None:
        if self._columns[field].distinct > self._most_values:
            del self._columns[field]
            self._wide.add(field)


def _attributes(connection: sqlite3.Connection) -> list[str]:
    """Return the attributes of the items, as filters name them, most frequent first."""
    rows = connection.execute(
        "SELECT key, count(*) FROM items, json_each(items.attributes) GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    return [ATTRIBUTE + row[0] for row in rows]


def _join(by_any: bool, one: Mask, other: Mask) -> Mask:
    return one | other if by_any else one & other


def _fields(condition: Condition) -> set[str]:
    if isinstance(condition, Not):
        return _fields(condition.part)
    if isinstance(condition, Join):
        return set().union(*map(_fields, condition.parts)) if condition.parts else set()
    return {condition.field}
