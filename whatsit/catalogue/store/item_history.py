"""History of items: who changed which fields, deleted or restored them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from whatsit.catalogue.store.store import Store

_FIELDS = ("title", "brand", "category", "price", "url", "attributes")


def record_history(
    store: Store,
    item: str,
    kind: str,
    who: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Record a change of an item; of fields only those that differ are kept.

    Args:
        store: the catalogue.
        item: id.
        kind: added, updated, deleted, restored or import.
        who: changed it.
        before: fields of the item, None where it was not there.
        after: the same, None where it is no longer there.
    """
    changed = [name for name in _FIELDS if (before or {}).get(name) != (after or {}).get(name)]
    old, new = (None if one is None else {name: one.get(name) for name in changed} for one in (before, after))
    if kind == "updated" and not changed:
        old = new = None  # its pictures were changed
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO item_history (item, made, kind, who, before, after) VALUES (?,?,?,?,?,?)",
            (item, now, kind, who, _text(old), _text(new)),
        )


def read_history(store: Store, item: str | None, limit: int) -> list[dict[str, Any]]:
    """Return entries of one item, or of all, the latest first."""
    condition, values = ("1", []) if item is None else ("item = ?", [item])
    with store.snapshot() as connection:
        rows = connection.execute(
            f"SELECT item, made, kind, who, before, after FROM item_history WHERE {condition} "
            "ORDER BY entry DESC LIMIT ?",
            [*values, limit],
        ).fetchall()
    return [
        {"item": item, "at": made, "kind": kind, "who": who, "before": _record(before), "after": _record(after)}
        for item, made, kind, who, before, after in rows
    ]


def _text(fields: Mapping[str, Any] | None) -> str | None:
    return None if fields is None else json.dumps(fields, ensure_ascii=False)


def _record(text: str | None) -> Any:
    return None if text is None else json.loads(text)
