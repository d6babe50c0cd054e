"""Records of items, cached between requests until they change."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from whatsit.catalogue.protocols import CatalogueStore
from whatsit.catalogue.store.change_log import ChangeLog

# Of about 1 kB each: the items that callers ask for come again and again, whatever the catalogue's size.
MOST = 20_000


class Record(dict[str, Any]):
    """Fields of an item, as `Store.records` returns them; never changed."""

    @cached_property
    def encoded(self) -> bytes:
        """Return the record as JSON, UTF-8."""
        return json.dumps(self, ensure_ascii=False).encode()

    def encoded_with(self, image: str | None) -> bytes:
        """Return the record as JSON with another picture, cached for the last one."""
        known: tuple[str | None, bytes] | None = self.__dict__.get("_linked")
        if known is None or known[0] != image:
            known = (image, json.dumps({**self, "image": image}, ensure_ascii=False).encode())
            self.__dict__["_linked"] = known
        return known[1]


class RecentRecords:
    """Cache of records until their items change, safe for many threads.

    Args:
        items: the catalogue.
        changes: its log, asked before every reading; None remembers nothing.
        most: records that are kept.
    """

    def __init__(self, items: CatalogueStore, changes: ChangeLog | None, most: int = MOST) -> None:
        self._items, self._changes, self._most = items, changes, most
        self._cached: tuple[int, dict[int, Record]] = (-1, {})

    def records(self, numbers: Iterable[int]) -> dict[int, Record]:
        """Return the records of these items by number, in the order of `numbers`.

        Missing items are left out.
        """
        asked = [int(number) for number in numbers]
        position, known = self._known()
        if new := [number for number in asked if number not in known]:
            read = {number: Record(fields) for number, fields in self._items.records(new).items()}
            if len(known) + len(read) > self._most:
                known = {number: known[number] for number in asked if number in known}
                self._cached = (position, known)
            known.update(read)
        return {number: known[number] for number in asked if number in known}

    def _known(self) -> tuple[int, dict[int, Record]]:
        """Return the last change's number and the records that are still valid.

        The log is asked before records are read: what is read then is of this change or of a later one, and a later one
        is noticed by the next call. A change makes a new dictionary, so that a reading which began before it cannot put
        an older record into the one that is used after it.
        """
        if self._changes is None:
            return -1, {}
        cached = self._cached
        if cached[0] != self._changes.position():
            position, changed = self._changes.changed(cached[0])
            kept = {} if changed is None else dict(cached[1])
            for number in changed or ():
                kept.pop(number, None)
            cached = self._cached = (position, kept)
        return cached
