"""Lists of items for a table: words, filter and order together.

The numbers of a whole list are found once and kept until the catalogue changes, so that every further page of it costs
the records of the page alone.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import numpy as np
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.store.store import Store
from whatsit.index.index_kind import Numbers

# `number` is the order of adding. Texts without case; what has no value comes last, whatever the direction.
_COLUMNS = {
    "added": "number",
    "id": "id COLLATE NOCASE",
    "title": "title COLLATE NOCASE",
    "brand": "brand COLLATE NOCASE",
    "category": "category COLLATE NOCASE",
    "price": "price",
    "updated": "updated",
}
SORTS = tuple(sign + name for name in _COLUMNS for sign in ("", "-"))
_KEPT = 8


class ItemListing:
    """Lists of the items of one store; may be used from many threads.

    Args:
        store: the catalogue.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, str | None, str | None, str | None], Numbers] = OrderedDict()

    def numbers(self, text: str | None, where: str | None, sort: str | None) -> Numbers:
        """Return the numbers of all visible items of a list, int64 in its order.

        Args:
            text: words, any of which an item has; None for all items.
            where: a filter, None for none.
            sort: of `SORTS`; None for best match first, or for the order of adding without words.

        Raises:
            InvalidInput: words, filter or order are wrong.
        """
        if sort is not None and sort not in SORTS:
            raise InvalidInput(
                f"Items are sorted by {', '.join(_COLUMNS)}, with - before it to reverse, not '{sort[:40]}'."
            )
        key = (self._store.changes.position(), text, where, sort)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = self._found(text, where, sort)
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found

    def details(self, numbers: Iterable[int]) -> dict[int, dict[str, Any]]:
        """Return number -> `updated`, and `pictures`, how many are found as the item."""
        with self._store.snapshot() as connection:
            rows = connection.execute(
                "SELECT number, updated, (SELECT count(*) FROM images WHERE found_as = number) FROM items "
                "WHERE number IN (SELECT value FROM json_each(?))",
                (json.dumps([int(number) for number in numbers]),),
            ).fetchall()
        return {number: {"updated": updated, "pictures": pictures} for number, updated, pictures in rows}

    def _found(self, text: str | None, where: str | None, sort: str | None) -> Numbers:
        allowed = None
        if where:
            condition = Filter.parse(where)
            selected = self._store.columns.select(condition)
            allowed = self._store.select(condition) if selected is None else selected
            self._store.check_where(condition, len(allowed))
        if text:
            allowed = self._store.text.search(text, -1, allowed)
            if sort is None:
                return allowed
        if sort in (None, "added") and allowed is not None:
            return np.sort(allowed)
        ordered = self._ordered(sort or "added")
        return ordered if allowed is None else ordered[np.isin(ordered, allowed)]

    def _ordered(self, sort: str) -> Numbers:
        column, direction = _COLUMNS[sort.lstrip("-")], "DESC" if sort.startswith("-") else "ASC"
        name = column.partition(" ")[0]
        # `columns` alone knows which items are merged without a look at each row.
        with self._store.snapshot() as connection:
            rows = connection.execute(
                "SELECT number FROM items WHERE merged_into IS NULL "
                f"ORDER BY {name} IS NULL, {column} {direction}, number"
            ).fetchall()
        return np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))
