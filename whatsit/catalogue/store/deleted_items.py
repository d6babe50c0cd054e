"""Deleted items, kept whole for a while so that a deletion can be undone."""

from __future__ import annotations

import base64
import json
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.store.database import Database
from whatsit.catalogue.store.decision_effects import apply_decisions, apply_merge_decisions
from whatsit.catalogue.store.picture_files import is_own

KEPT_ITEMS = 10_000
KEPT_DAYS = 30
_BLOB = "base64"

# table -> the tables whose rows are deleted with its rows: table, column there, column here
Children = dict[str, list[tuple[str, str, str]]]
Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class DeletedItem:
    """One deleted item.

    Args:
        deletion: number that all items of one command share.
        id: of the item.
        title: None where it had none.
        made: when it was deleted, UTC, ISO 8601.
    """

    deletion: int
    id: str
    title: str | None
    made: str


class DeletedItems:
    """The deleted items of one store.

    Args:
        database: of the store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def latest(self, limit: int = 50) -> list[DeletedItem]:
        """Return deleted items, the latest first."""
        rows = self._database.rows(
            "SELECT deletion, id, title, made FROM deleted_items ORDER BY deletion DESC, number LIMIT ?", [limit]
        )
        return [DeletedItem(*row) for row in rows]

    def count(self) -> int:
        """Return the number of deleted items that are kept."""
        return int(self._database.rows("SELECT count(*) FROM deleted_items")[0][0])

    def restore(self, ids: Sequence[str] = ()) -> list[str]:
        """Restore items; those of the latest deletion where none is named.

        Returns:
            The ids that were restored.

        Raises:
            InvalidInput: an item was not deleted, is kept no longer, or its id is there again; nothing is restored.
        """
        with self._database.transaction() as connection:
            numbers = [_latest(connection, id) for id in dict.fromkeys(ids)] if ids else _of_last_deletion(connection)
            children = _children(connection)
            return [_restore(connection, number, children) for number in numbers]


def keep_deleted(connection: sqlite3.Connection, ids: Sequence[str]) -> None:
    """Keep items that are about to be deleted, in the same transaction."""
    children = _children(connection)
    deletion = connection.execute("SELECT coalesce(max(deletion), 0) + 1 FROM deleted_items").fetchone()[0]
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    for id in dict.fromkeys(ids):
        found = connection.execute("SELECT number, title FROM items WHERE id = ?", (id,)).fetchone()
        if found is None:
            continue
        rows = _read(connection, found[0], children)
        files = json.dumps(sorted(_own_files(rows)))
        connection.execute(
            "INSERT INTO deleted_items (number, deletion, id, title, made, files, rows) VALUES (?,?,?,?,?,?,?)",
            (found[0], deletion, id, found[1], now, files, _packed(rows)),
        )


def forget_deleted(connection: sqlite3.Connection, all_of: Sequence[str] = ()) -> list[str]:
    """Forget what was deleted too long ago or beyond the limit, and items by id.

    Returns:
        The names of picture files, relative to the catalogue's folder, that nothing names any longer.
    """
    before = (datetime.now(timezone.utc) - timedelta(days=KEPT_DAYS)).isoformat(timespec="seconds")
    rows = connection.execute(
        "SELECT number, files FROM deleted_items WHERE made < ? OR id IN (SELECT value FROM json_each(?)) OR number IN "
        "(SELECT number FROM deleted_items ORDER BY deletion DESC, number LIMIT -1 OFFSET ?)",
        (before, json.dumps(list(all_of)), KEPT_ITEMS),
    ).fetchall()
    connection.executemany("DELETE FROM deleted_items WHERE number = ?", [(number,) for number, _ in rows])
    return [name for _, files in rows for name in json.loads(files)]


def _children(connection: sqlite3.Connection) -> Children:
    """Return which rows go with which, by the foreign keys of the tables."""
    found: Children = {}
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for key in connection.execute(f'PRAGMA foreign_key_list("{table}")').fetchall():
            if key[6] == "CASCADE":
                found.setdefault(key[2], []).append((table, key[3], key[4]))
    return found


def _read(connection: sqlite3.Connection, number: int, children: Children) -> Rows:
    """Return the rows of an item by table, parents first."""
    rows: Rows = {"items": list(_select(connection, "items", "number", [number]))}
    waiting = ["items"]
    while waiting:
        parent = waiting.pop(0)
        for table, column, key in children.get(parent, ()):
            found = list(_select(connection, table, column, [row[key] for row in rows[parent]]))
            if found and table not in rows:
                rows[table] = found
                waiting.append(table)
    return rows


def _select(connection: sqlite3.Connection, table: str, column: str, values: list[Any]) -> Iterator[dict[str, Any]]:
    cursor = connection.execute(
        f'SELECT * FROM "{table}" WHERE "{column}" IN (SELECT value FROM json_each(?))', (json.dumps(values),)
    )
    names = [one[0] for one in cursor.description]
    for row in cursor:
        yield dict(zip(names, row, strict=True))


def _own_files(rows: Rows) -> set[str]:
    names = {row["path"] for row in rows.get("images", [])}
    names |= {f"pictures/{row['kept']}" for row in rows.get("picture_facts", []) if row["kept"]}
    return {name for name in names if is_own(name)}


def _packed(rows: Rows) -> bytes:
    def plain(value: object) -> Any:
        assert isinstance(value, bytes)  # the one type of SQLite that JSON has not
        return {_BLOB: base64.b64encode(value).decode()}

    return zlib.compress(json.dumps(rows, default=plain).encode(), 1)


def _unpacked(data: bytes) -> Rows:
    def blob(value: dict[str, Any]) -> Any:
        return base64.b64decode(value[_BLOB]) if value.keys() == {_BLOB} else value

    rows: Rows = json.loads(zlib.decompress(data), object_hook=blob)
    return rows


def _restore(connection: sqlite3.Connection, number: int, children: Children) -> str:
    id, data = connection.execute("SELECT id, rows FROM deleted_items WHERE number = ?", (number,)).fetchone()
    if connection.execute("SELECT 1 FROM items WHERE id = ?", (id,)).fetchone():
        raise InvalidInput(
            f"The catalogue has an item '{id}' again: delete or rename it before the old one is restored."
        )
    rows = _unpacked(data)
    # What names the item or a merged one is found out from the decisions again.
    rows["items"][0]["merged_into"] = None
    for row in rows.get("images", []):
        row["found_as"] = number
    parents = {table: (parent, column) for parent, held in children.items() for table, column, _ in held}
    # A picture's number may be another picture's by now: it gets a new one, and so do its vectors.
    numbers: dict[str, dict[Any, Any]] = {"items": {number: number}}
    for table, found in rows.items():
        numbers.setdefault(table, {})
        parent, column = parents.get(table, (None, None))
        for row in found:
            if parent is not None and column is not None:
                row[column] = numbers[parent][row[column]]
            _insert(connection, table, row, column, numbers[table])
    connection.execute("DELETE FROM deleted_items WHERE number = ?", (number,))
    apply_decisions(connection, number)
    apply_merge_decisions(connection, id)
    return str(id)


def _insert(
    connection: sqlite3.Connection, table: str, row: dict[str, Any], parent: str | None, numbers: dict[Any, Any]
) -> None:
    """Insert a row; note the key that it had and the one that it has."""
    columns = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
    keys = [one[1] for one in columns if one[5]]
    own = keys[0] if len(keys) == 1 and keys[0] != parent and table != "items" else None
    names = [one[1] for one in columns if one[1] in row and one[1] != own]
    cursor = connection.execute(
        f'INSERT INTO "{table}" ({",".join(names)}) VALUES ({",".join("?" * len(names))})',
        [row[name] for name in names],
    )
    if own:
        numbers[row[own]] = cursor.lastrowid


def _latest(connection: sqlite3.Connection, id: str) -> int:
    found = connection.execute(
        "SELECT number FROM deleted_items WHERE id = ? ORDER BY number DESC LIMIT 1", (id,)
    ).fetchone()
    if found is None:
        raise InvalidInput(
            f"No deleted item '{id}' is kept; 'whatsit catalogue undelete DIR --list' shows those that are."
        )
    return int(found[0])


def _of_last_deletion(connection: sqlite3.Connection) -> list[int]:
    rows = connection.execute(
        "SELECT number FROM deleted_items WHERE deletion = (SELECT max(deletion) FROM deleted_items) ORDER BY number"
    ).fetchall()
    if not rows:
        raise InvalidInput("No deletion is kept that could be undone.")
    return [number for (number,) in rows]
