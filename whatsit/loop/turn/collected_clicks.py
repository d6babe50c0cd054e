"""Clicks, crops, decisions and unanswered searches of a catalogue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from whatsit_client.types import Box

from whatsit.catalogue.store.picture_files import whole_path
from whatsit.catalogue.store.store import Store

_SHOWN = 12


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo and the item that it is said to show.

    Args:
        path: of the photo.
        item: id.
        box: of the thing in pixels of the upright picture; None for the whole.
        click: number in the click log; 0 for a photo from elsewhere.
        made: when it was clicked, ISO 8601.
        confirmed: by a reviewer.
        group: of items, for figures.
    """

    path: str
    item: str
    box: Box | None = None
    click: int = 0
    made: str = ""
    confirmed: bool = False
    group: str = ""

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> LabelledPhoto:
        """Return it from JSON."""
        box = record["box"]
        return cls(**{**record, "box": None if box is None else (box[0], box[1], box[2], box[3])})


def collect_clicks(store: Store, days: int) -> dict[str, Any]:
    """Return what visitors agreed to, and reviewers decided, in the last days.

    Photos stay where they are: one that is withdrawn later is gone for the turn too.

    Args:
        store: the catalogue.
        days: that are looked at, today included.

    Returns:
        `clicks` (records of `LabelledPhoto`), counts of the other kinds, and some unanswered photos.
    """
    since = (datetime.now(timezone.utc) - timedelta(days=days)).isoformat(timespec="seconds")
    with store.snapshot() as connection:
        rows = connection.execute(
            "SELECT click, coalesce(main.id, items.id), path, box, made FROM clicks "
            "JOIN items ON items.id = clicks.item LEFT JOIN items AS main ON main.number = items.merged_into "
            "WHERE kind = 'match' AND made >= ? ORDER BY click",
            (since,),
        ).fetchall()
        others = connection.execute(
            "SELECT kind, path, box FROM clicks WHERE kind != 'match' AND made >= ? ORDER BY click DESC", (since,)
        ).fetchall()
        confirmed = {
            click
            for (click,) in connection.execute(
                "SELECT value FROM review_tasks, json_each(subject, '$.clicks') "
                "WHERE verdict IN ('item', 'assign', 'create')"
            )
        }
        decided = connection.execute("SELECT count(*) FROM review_tasks WHERE verdict IS NOT NULL").fetchone()[0]
    clicks = [
        LabelledPhoto(str(whole_path(path, store.folder)), item, _box(box), click, made, click in confirmed).to_record()
        for click, item, path, box, made in rows
    ]
    unanswered = [(path, box) for kind, path, box in others if kind == "none"]
    return {
        "clicks": clicks,
        "crops": sum(kind == "crop" for kind, *_ in others),
        "unanswered": len(unanswered),
        "decisions": int(decided),
        "unanswered_photos": [[str(whole_path(path, store.folder)), _box(box)] for path, box in unanswered[:_SHOWN]],
    }


def photos_of(records: Sequence[dict[str, Any]]) -> list[LabelledPhoto]:
    """Return photos whose files are there: withdrawn ones are not."""
    return [photo for photo in map(LabelledPhoto.from_record, records) if Path(photo.path).is_file()]


def _box(text: str | None) -> Box | None:
    if text is None:
        return None
    x1, y1, x2, y2 = map(float, json.loads(text))
    return x1, y1, x2, y2
