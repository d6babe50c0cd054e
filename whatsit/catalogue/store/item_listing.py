"""Lists of items for a table: words, filter and order together.

A list without words and filter is read from indexes of SQLite, whichever page is asked for. Of any other the numbers of
all its items are found once and kept until the catalogue changes, so that a further page costs its records alone.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.store.store import Store
from whatsit.index.index_kind import Numbers

# As the indexes have them, so that no list is sorted: `added_tables` and `schema`. What has no value comes last.
_ORDERS = {
    "added": "number",
    "id": "id",
    "title": "title COLLATE NOCASE",
    "brand": "brand",
    "category": "category",
    "price": "price",
    "updated": "updated",
}
SORTS = tuple(sign + name for name in _ORDERS for sign in ("", "-"))
_VISIBLE = "number NOT IN (SELECT number FROM items WHERE merged_into IS NOT NULL)"
_KEPT = 8
# Words that so many items have say nothing of the best match: these items come in the order of adding.
_COMMON = 20_000


class ItemListing:
    """Lists of the items of one store; may be used from many threads.

    Args:
        store: the catalogue.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Any, ...], Numbers] = OrderedDict()

    def page(
        self, text: str | None, where: str | None, sort: str | None, limit: int, offset: int
    ) -> tuple[list[int], int]:
        """Return the numbers of a page's items, and how many the whole list has.

        Args:
            text: words, any of which an item has; None for all items.
            where: a filter, None for none.
            sort: of `SORTS`; None for best match first, or for the order of adding without words.
            limit: items of the page.
            offset: items before it.

        Raises:
            InvalidInput: words, filter or order are wrong.
        """
        if sort is not None and sort not in SORTS:
            known = ", ".join(_ORDERS)
            raise InvalidInput(f"Items are sorted by {known}, with - before it to reverse, not '{sort[:40]}'.")
        if text or where:
            found = self._numbers(text, where, sort)
            return found[offset : offset + limit].tolist(), len(found)
        with self._store.snapshot() as connection:
            total = connection.execute("SELECT count(*) FROM items WHERE merged_into IS NULL").fetchone()[0]
            rows = connection.execute(f"{_ordered(sort or 'added')} LIMIT ? OFFSET ?", (limit, offset)).fetchall()
        return [row[0] for row in rows], total

    def details(self, numbers: Iterable[int]) -> dict[int, dict[str, Any]]:
        """Return number -> `updated`, and `pictures`, how many are found as the item."""
        with self._store.snapshot() as connection:
            rows = connection.execute(
                "SELECT number, updated, (SELECT count(*) FROM images WHERE found_as = number) FROM items "
                "WHERE number IN (SELECT value FROM json_each(?))",
                (json.dumps([int(number) for number in numbers]),),
            ).fetchall()
        return {number: {"updated": updated, "pictures": pictures} for number, updated, pictures in rows}

    def _numbers(self, text: str | None, where: str | None, sort: str | None) -> Numbers:
        """Return the numbers of a whole list in its order, int64."""
        position = self._store.changes.position()
        return self._once((position, text, where, sort), lambda: self._found(position, text, where, sort))

    def _found(self, position: int, text: str | None, where: str | None, sort: str | None) -> Numbers:
        allowed = None
        if where:
            condition = Filter.parse(where)
            selected = self._store.columns.select(condition)
            allowed = self._store.select(condition) if selected is None else selected
            self._store.check_where(condition, len(allowed))
        if text:
            allowed = self._store.text.list_all(text, allowed, _COMMON)
            if sort is None:
                return allowed
        assert allowed is not None  # words or a filter are given
        if sort in (None, "added"):
            return np.sort(allowed)
        order = self._once((position, sort), lambda: self._all(str(sort)))
        return order[np.isin(order, allowed)]

    def _all(self, sort: str) -> Numbers:
        """Return the numbers of all visible items in an order."""
        with self._store.snapshot() as connection:
            # As JSON, which is faster than 100,000 rows.
            (text,) = connection.execute(f"SELECT json_group_array(number) FROM ({_ordered(sort)})").fetchone()
        return np.array(json.loads(text), dtype=np.int64)

    def _once(self, key: tuple[Any, ...], make: Callable[[], Numbers]) -> Numbers:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return made


def _ordered(sort: str) -> str:
    """Return the query for the numbers of visible items in an order."""
    column, direction = _ORDERS[sort.lstrip("-")], "DESC" if sort.startswith("-") else "ASC"
    if column == "number":  # the index of `merged_into` has them so
        return f"SELECT number FROM items WHERE merged_into IS NULL ORDER BY number {direction}"
    nulls = "" if column == "id" else " NULLS LAST"
    return f"SELECT number FROM items WHERE {_VISIBLE} ORDER BY {column} {direction}{nulls}"
