"""Change of an item's fields that leaves its pictures and vectors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.item import ItemFields
from whatsit.catalogue.protocols import CatalogueStore
from whatsit.catalogue.store.item_rows import write_fields
from whatsit.catalogue.store.store import Store


def change_fields(store: CatalogueStore, id: str, change: Callable[[ItemFields], ItemFields]) -> ItemFields:
    """Change the fields of an item; return those that it has now.

    Args:
        store: the catalogue; in SQLite nothing comes between reading and writing.
        id: of the item.
        change: returns the new fields of the old ones.

    Raises:
        InvalidInput: there is no such item.
    """
    if isinstance(store, Store):
        with store.transaction() as connection:
            before, after = _changed(store, id, change)
            if after != before:
                write_fields(connection, after, datetime.now(timezone.utc).isoformat(timespec="seconds"))
            return after
    before, after = _changed(store, id, change)
    if after != before:
        # In Milvus rows of vectors carry the fields, for filters: those of every embedder are written again.
        store.put((after, store.pictures(id, fingerprint), fingerprint) for fingerprint in store.fingerprints())
    return after


def _changed(
    store: CatalogueStore, id: str, change: Callable[[ItemFields], ItemFields]
) -> tuple[ItemFields, ItemFields]:
    before = store.fields(id)
    if before is None:
        raise InvalidInput(f"The catalogue has no item '{id}'.")
    return before, change(before)
