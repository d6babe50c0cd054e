"""Items by their codes: EAN, UPC, ISBN, GTIN and SKU."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from whatsit.catalogue.store.database import Database
from whatsit.vision.product_codes import keys_of_code

_MOST = 64  # codes of one picture


class ItemCodes:
    """The table of the items' codes in one store.

    Args:
        database: of the store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def kept(self) -> bool:
        """Return whether any item has a code."""
        return bool(self._database.rows("SELECT EXISTS (SELECT 1 FROM item_codes)")[0][0])

    def items(self, texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """Return the numbers of the items with each code, ascending.

        A merged item is found as its main one. A code is an item's where a field of `product_codes.FIELDS` holds it,
        or where it is the item's id and no shorter than an SKU may be.

        Args:
            texts: as they were read; those beyond the first `_MOST` are ignored.
        """
        return {text: found for text in texts[:_MOST] if (found := self._of(text))}

    def _of(self, text: str) -> tuple[int, ...]:
        keys = keys_of_code(text)
        if not keys:
            return ()
        marks = ",".join("?" * len(keys))
        rows = self._database.rows(
            "SELECT DISTINCT coalesce(merged_into, number) FROM items WHERE id = ? OR number IN "
            f"(SELECT item FROM item_codes WHERE code IN ({marks})) ORDER BY 1",
            [text.strip(), *keys],
        )
        return tuple(row[0] for row in rows)


def record_codes(connection: sqlite3.Connection, item: int) -> None:
    """Update an item's codes, in the transaction that changes it."""
    connection.execute("DELETE FROM item_codes WHERE item = ?", (item,))
    connection.execute(
        "INSERT OR IGNORE INTO item_codes (code, item) SELECT value, number FROM items, "
        "json_each(codes_of_item(items.id, items.attributes)) WHERE number = ?",
        (item,),
    )
