"""Outcomes of review decisions beside the log: items of photos, new items.

An outcome is a JSON object beside the decision in the log, so that undoing can reverse it:
`clicks` (the entries of the click log that it settled, with the kind that each had), `created` (the id of an item
that it made) and `picture` (item and hash of a picture that it added). What else it holds, such as `boxes`, is data.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from whatsit.catalogue.store.decision_effects import apply_decisions
from whatsit.catalogue.store.deleted_items import keep_deleted
from whatsit.catalogue.store.item_rows import delete_item


def choose_item(connection: sqlite3.Connection, clicks: Sequence[int], item: str) -> list[dict[str, Any]]:
    """Make entries of the click log choices of an item; return what they were."""
    before = connection.execute(
        "SELECT click, kind FROM clicks WHERE click IN (SELECT value FROM json_each(?))", (json.dumps(list(clicks)),)
    ).fetchall()
    connection.executemany(
        "UPDATE clicks SET kind = 'match', item = ? WHERE click = ?", [(item, click) for click, _ in before]
    )
    return [{"click": click, "kind": kind} for click, kind in before]


def reverse_outcomes(connection: sqlite3.Connection, decisions: Iterable[int]) -> None:
    """Reverse the outcomes of decisions that were undone, and open their tasks again."""
    numbers = json.dumps(list(decisions))
    rows = connection.execute(
        "SELECT outcome FROM decision_notes WHERE decision IN (SELECT value FROM json_each(?)) ORDER BY decision DESC",
        (numbers,),
    ).fetchall()
    for (text,) in rows:
        _reverse(connection, json.loads(text))
    connection.execute(
        "UPDATE review_tasks SET state = 'open', verdict = NULL, decision = NULL, seconded = 0, disputed = 0 "
        "WHERE decision IN (SELECT value FROM json_each(?))",
        (numbers,),
    )
    connection.execute(
        "DELETE FROM review_votes WHERE task IN (SELECT task FROM review_votes JOIN json_each(?) ON decision = value)",
        (numbers,),
    )


def _reverse(connection: sqlite3.Connection, outcome: Mapping[str, Any]) -> None:
    connection.executemany(
        "UPDATE clicks SET kind = ?, item = '' WHERE click = ?",
        [(one["kind"], one["click"]) for one in outcome.get("clicks", ())],
    )
    if created := outcome.get("created"):
        keep_deleted(connection, [created])
        delete_item(connection, created)
    if picture := outcome.get("picture"):
        row = connection.execute(
            "SELECT image, item FROM images JOIN items ON number = item WHERE id = ? AND sha256 = ? "
            "ORDER BY position DESC LIMIT 1",
            (picture["item"], picture["sha256"]),
        ).fetchone()
        if row is not None:
            connection.execute("DELETE FROM images WHERE image = ?", (row[0],))
            apply_decisions(connection, row[1])
