"""A choice of one store that is on or off."""

from __future__ import annotations

import sqlite3

from whatsit.catalogue.store.database import Database


class Switch:
    """A row of the table of settings; off until it is set.

    Args:
        database: of the store.
        name: of the setting.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database, self._name = database, name

    def is_on(self) -> bool:
        """Return whether it is on."""
        return self._database.rows("SELECT value FROM settings WHERE name = ?", [self._name]) == [("on",)]

    def set(self, connection: sqlite3.Connection, on: bool) -> None:
        """Set it, in the transaction of the connection."""
        connection.execute("INSERT OR REPLACE INTO settings VALUES (?,?)", (self._name, "on" if on else "off"))
