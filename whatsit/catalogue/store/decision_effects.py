"""Effects of decisions in force: hidden pictures and merged items.

Decisions name pictures by the hash of their file and items by the merchant's id, so they outlive an item that is
written anew. What they say now depends only on them and on the items that are there; undoing one is leaving it out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from whatsit.catalogue.store.change_log import record_change
from whatsit.catalogue.store.item_codes import record_codes
from whatsit.catalogue.store.text_index import record_text

_IMAGES = "SELECT image, sha256 FROM images WHERE item = ? ORDER BY position"
_HIDES = "SELECT step, sha256, other_sha256 FROM decisions WHERE item = ? AND verdict = 'dropped' AND undone IS NULL"
_MERGES = (
    "SELECT other_item FROM decisions JOIN items ON items.id = other_item "
    "WHERE item = ? AND verdict = 'merged' AND undone IS NULL ORDER BY decision DESC LIMIT 1"
)
_MERGED_INTO = (
    "WITH RECURSIVE chain (id) AS (VALUES (?) UNION "
    "SELECT item FROM decisions JOIN chain ON other_item = chain.id WHERE verdict = 'merged' AND undone IS NULL) "
    "SELECT number FROM items JOIN chain ON items.id = chain.id WHERE chain.id != ?"
)


def apply_decisions(connection: sqlite3.Connection, number: int) -> None:
    """Apply the decisions in force to an item, and log its change.

    Args:
        connection: inside a transaction.
        number: of an item that is there.
    """
    id, before = connection.execute("SELECT id, merged_into FROM items WHERE number = ?", (number,)).fetchone()
    main = _main(connection, id)
    if main != before:
        connection.execute("UPDATE items SET merged_into = ? WHERE number = ?", (main, number))
    images = connection.execute(_IMAGES, (number,)).fetchall()
    hidden = _hidden(connection.execute(_HIDES, (id,)).fetchall(), images)
    connection.executemany(
        "UPDATE images SET found_as = ?1 WHERE image = ?2 AND found_as IS NOT ?1",
        [(None if image in hidden else main or number, image) for image, _ in images],
    )
    record_text(connection, number)
    record_codes(connection, number)
    for changed in {number, before, main} - {None}:
        record_change(connection, changed)


def apply_decisions_to(connection: sqlite3.Connection, ids: Iterable[str]) -> None:
    """Apply the decisions in force to items, and to those merged into them."""
    for id in dict.fromkeys(ids):
        known = connection.execute("SELECT number FROM items WHERE id = ?", (id,)).fetchone()
        if known is not None:
            apply_decisions(connection, known[0])
        apply_merge_decisions(connection, id)


def apply_merge_decisions(connection: sqlite3.Connection, id: str) -> None:
    """Apply the decisions to the items merged into this one, after it came or went."""
    for (number,) in connection.execute(_MERGED_INTO, (id, id)).fetchall():
        apply_decisions(connection, number)


def _main(connection: sqlite3.Connection, id: str) -> int | None:
    """Return the number of the main item, None where the item is not merged."""
    seen = {id}
    while found := connection.execute(_MERGES, (id,)).fetchone():
        id = found[0]
        if id in seen:
            return None
        seen.add(id)
    if len(seen) == 1:
        return None
    return int(connection.execute("SELECT number FROM items WHERE id = ?", (id,)).fetchone()[0])


def _hidden(decisions: list[tuple[str, str, str | None]], images: list[tuple[int, str]]) -> set[int]:
    """Of an item's pictures those that decisions hide; never all of them.

    A duplicate is hidden as long as the picture that was kept for it is there.

    Args:
        decisions: step, hash of the dropped picture, hash of the kept one.
        images: key and hash of each picture, by position.
    """
    if not decisions:
        return set()
    there = {sha256 for _, sha256 in images}
    dropped = {sha256 for step, sha256, _ in decisions if step != "duplicates"}
    hidden = {image for image, sha256 in images if sha256 in dropped}
    copies = {sha256: kept for step, sha256, kept in decisions if step == "duplicates" and kept in there}
    seen: set[str] = set()
    for image, sha256 in images:
        kept = copies.get(sha256)
        if kept is not None and (kept != sha256 or sha256 in seen):
            hidden.add(image)
        seen.add(sha256)
    return set() if len(hidden) == len(images) else hidden
