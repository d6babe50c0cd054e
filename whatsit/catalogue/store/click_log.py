"""Click log: the item that a person chose for a photo; trains the ranker."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from whatsit_client.errors import InvalidInput
from whatsit_client.types import Box

from whatsit.catalogue.store.database import Database
from whatsit.catalogue.store.picture_files import stored_path, whole_path


@dataclass(frozen=True)
class Click:
    """One choice.

    Args:
        item: id of the chosen item.
        path: of the photo; the photo itself is kept, not what the networks of that day made of it.
        box: of the thing in the photo, pixels of the upright picture; None for the whole.
    """

    item: str
    path: Path
    box: Box | None = None


class Clicks:
    """The log of one store.

    Args:
        database: of the store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._folder = database.path.parent.resolve()

    def record(self, click: Click) -> None:
        """Append a choice.

        Raises:
            InvalidInput: the catalogue has no such item.
        """
        box = None if click.box is None else json.dumps(click.box)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        with self._database.transaction() as connection:
            if connection.execute("SELECT 1 FROM items WHERE id = ?", (click.item,)).fetchone() is None:
                raise InvalidInput(f"The catalogue has no item '{click.item}'.")
            connection.execute(
                "INSERT INTO clicks (item, path, box, made) VALUES (?,?,?,?)",
                (click.item, stored_path(str(click.path), self._folder), box, now),
            )

    def all(self) -> list[Click]:
        """Return every choice of an item in the catalogue, oldest first.

        A merged item's choices count for the main one.
        """
        rows = self._database.rows(
            "SELECT coalesce(main.id, items.id), path, box FROM clicks JOIN items ON items.id = item "
            "LEFT JOIN items AS main ON main.number = items.merged_into ORDER BY click"
        )
        return [Click(item, Path(whole_path(path, self._folder)), _box(box)) for item, path, box in rows]


def _box(text: str | None) -> Box | None:
    if text is None:
        return None
    x1, y1, x2, y2 = map(float, json.loads(text))
    return x1, y1, x2, y2
