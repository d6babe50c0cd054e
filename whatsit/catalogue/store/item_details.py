"""Everything that a store knows of one item."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.store.database import Database
from whatsit.catalogue.store.picture_metadata import MetadataTable
from whatsit.catalogue.store.picture_places import PicturePlaces


def item_details(
    database: Database,
    facts: MetadataTable,
    places: PicturePlaces,
    records: Callable[[Iterable[int]], dict[int, dict[str, Any]]],
    id: str,
) -> dict[str, Any]:
    """Return what `Store.show` returns.

    Raises:
        InvalidInput: there is no such item.
    """
    rows = database.rows(
        "SELECT number, added, updated, (SELECT main.id FROM items AS main WHERE main.number = items.merged_into) "
        "FROM items WHERE id = ?",
        [id],
    )
    if not rows:
        raise InvalidInput(f"The catalogue {database.path} has no item '{id}'; 'whatsit catalogue list' shows the ids.")
    number, added, updated, main = rows[0]
    prediction = facts.prediction(number)
    images = database.rows(
        "SELECT path, sha256, count(vector), found_as IS NULL FROM images LEFT JOIN vectors USING (image) "
        "WHERE item = ? GROUP BY image ORDER BY position",
        [number],
    )
    return {
        **records([number])[number],
        "number": number,
        "added": added,
        "updated": updated,
        "merged_into": main,
        "predicted": None if prediction is None else asdict(prediction),
        "images": [
            {"path": places(path), "sha256": sha256, "vectors": count, "hidden": bool(hidden)}
            for path, sha256, count, hidden in images
        ],
    }
