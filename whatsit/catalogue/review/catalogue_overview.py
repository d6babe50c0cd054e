"""Overview of a catalogue: counts, last changes, history of an item."""

from __future__ import annotations

from datetime import date
from typing import Any

from whatsit.catalogue.cleaning.decision_log import DecisionLog
from whatsit.catalogue.store.item_history import read_history
from whatsit.catalogue.store.search_counts import STATES, read_search_counts
from whatsit.catalogue.store.store import Store

_WORDS = {
    "added": "added",
    "updated": "changed",
    "deleted": "deleted",
    "restored": "restored",
}
_RANKS = {"added": 0, "undone": 2, "deleted": 3, "restored": 4}
_VERDICTS = {
    "dropped": "pictures hidden",
    "merged": "items merged",
    "different": "pairs kept apart",
    "right": "pictures found right",
    "unclear": "pictures found unclear",
    "labelled": "pictures labelled",
    "assigned": "photos given an item",
    "created": "items made from searches",
    "not_for_sale": "searches not for sale",
    "useless": "photos of no use",
    "reported": "pairs reported",
}


def read_counts(store: Store) -> dict[str, int]:
    """Return the number of items, merged items, pictures and hidden pictures."""
    with store.snapshot() as connection:
        items, merged = connection.execute("SELECT count(*), count(merged_into) FROM items").fetchone()
        pictures, shown = connection.execute("SELECT count(*), count(found_as) FROM images").fetchone()
    return {"items": items - merged, "merged": merged, "pictures": shown, "hidden_pictures": pictures - shown}


def read_searches(store: Store, days: int, today: date) -> dict[str, Any]:
    """Return searches by day and in all of these days."""
    found = read_search_counts(store, days, today)
    return {"days": found, "total": {state: sum(day[state] for day in found) for state in STATES}}


def read_changes(store: Store, limit: int = 20) -> list[dict[str, Any]]:
    """Return the last changes, the latest first; a run is one change."""
    found = [
        {"at": one["at"], "kind": one["kind"], "item": one["item"], "who": one["who"], "text": _sentence(one)}
        for one in read_history(store, None, limit)
    ]
    with store.snapshot() as connection:
        runs = connection.execute(
            "SELECT run, made, coalesce(who, ''), verdict, count(*), min(item), max(item) FROM decisions "
            "JOIN cleanings USING (run) LEFT JOIN cleaning_people USING (run) "
            "WHERE run IN (SELECT run FROM cleanings ORDER BY run DESC LIMIT ?) AND verdict != 'kept' "
            "GROUP BY run, verdict ORDER BY run DESC",
            (2 * limit,),
        ).fetchall()
        imports = connection.execute(
            "SELECT coalesce(finished, started), who, state, done FROM jobs WHERE kind = 'import' "
            "ORDER BY job DESC LIMIT ?",
            (limit,),
        ).fetchall()
        for _, made, who, verdict, count, first, last in runs:
            words = _VERDICTS.get(verdict, verdict)
            item = first if first == last and first else None
            text = f"{count} {words}" if count != 1 else f"1 {words.replace('s ', ' ', 1)}"
            found.append({"at": made, "kind": "decision", "item": item, "who": who, "text": text})
        for at, who, state, rows in imports:
            found.append({"at": at, "kind": "import", "item": None, "who": who, "text": f"import {state}, {rows} rows"})
        found = sorted(found, key=lambda one: one["at"], reverse=True)[:limit]
        for one in found:
            row = connection.execute("SELECT title FROM items WHERE id = ?", (one["item"],)).fetchone()
            one["title"] = row[0] if row else None
    return found


def read_item_history(store: Store, id: str, limit: int) -> list[dict[str, Any]] | None:
    """Return the changes of an item, latest first; None for an unknown one."""
    entries: list[dict[str, Any]] = [
        {**{name: one[name] for name in ("at", "kind", "who", "before", "after")}, "text": _sentence(one)}
        for one in read_history(store, id, limit)
    ]
    for one in DecisionLog(store).read(limit, item=id):
        undoable = one.undone is None and one.decision.verdict not in ("kept", "reported")
        text = f"{one.decision.reason} {one.why}".strip()
        entry = {"number": one.number, "who": one.who, "text": text, "undoable": undoable}
        entries.append({"at": one.made, "kind": "decision", **entry})
        if one.undone is not None:
            entries.append({**entry, "at": one.undone, "kind": "undone", "text": f"Decision {one.number} was undone."})
    with store.snapshot() as connection:
        there = connection.execute("SELECT added FROM items WHERE id = ?", (id,)).fetchone()
        deleted = connection.execute("SELECT made FROM deleted_items WHERE id = ?", (id,)).fetchall()
    kinds = {entry["kind"] for entry in entries}
    if there is not None and "added" not in kinds:
        entries.append({"at": there[0], "kind": "added", "who": "", "text": "added"})
    if "deleted" not in kinds:
        entries += [{"at": made, "kind": "deleted", "who": "", "text": "deleted"} for (made,) in deleted]
    if not entries:
        return None
    usual = {"number": None, "undoable": False, "before": None, "after": None}
    # Within one second by what can come after what.
    entries.sort(key=lambda one: (str(one["at"]), _RANKS.get(str(one["kind"]), 1)), reverse=True)
    return [{**usual, **entry} for entry in entries[:limit]]


def _sentence(entry: dict[str, Any]) -> str:
    word = _WORDS.get(entry["kind"], entry["kind"])
    changed = ", ".join(entry["after"] or ()) if entry["kind"] == "updated" else ""
    if entry["kind"] == "updated" and not changed:
        return "pictures changed"
    return f"{word}: {changed}" if changed else word
