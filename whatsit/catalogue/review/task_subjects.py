"""Subjects of tasks: whether they are still there, and what a reviewer is shown."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from whatsit.catalogue.review.queues import queue_of
from whatsit.catalogue.review.task_table import Task
from whatsit.catalogue.store.store import Store

PICTURES = 6  # of an item beside the one in question, and of each of two items
PHOTOS = 24

Record = dict[str, Any]


class Links(Protocol):
    """Addresses of what a subject names."""

    def item(self, record: Mapping[str, Any]) -> Record:
        """Return an item's record with the address of its picture."""

    def picture_url(self, item: str, sha256: str) -> str:
        """Return the address of a picture."""

    def photo_url(self, token: str) -> str:
        """Return the address of a visitor's photo."""


def is_there(connection: sqlite3.Connection, task: Task) -> bool:
    """Return whether what a task asks about is still there and visible."""
    subject = task.subject
    if task.queue in ("duplicates", "denoise", "boxes"):
        hashes = [subject["first"], *([subject["second"]] if "second" in subject else [])]
        return all(is_visible(connection, subject["item"], sha256) for sha256 in hashes)
    if task.queue == "merge":
        return all(_is_item(connection, id) for id in (subject["first"], subject["second"]))
    if task.queue == "crop_boxes":
        return kept_clicks(connection, subject["clicks"]) > 0
    return bool(open_clicks(connection, subject["clicks"]))


def is_visible(connection: sqlite3.Connection, item: str, sha256: str) -> bool:
    """Return whether an item has this picture and it is not hidden."""
    row = connection.execute(
        "SELECT 1 FROM images JOIN items ON number = item WHERE id = ? AND sha256 = ? AND found_as IS NOT NULL",
        (item, sha256),
    ).fetchone()
    return row is not None


def open_clicks(connection: sqlite3.Connection, clicks: Sequence[int]) -> list[int]:
    """Return those entries of the click log that are there and have no item."""
    rows = connection.execute(
        "SELECT click FROM clicks WHERE click IN (SELECT value FROM json_each(?)) AND kind != 'match'",
        (json.dumps(list(clicks)),),
    )
    return [row[0] for row in rows]


def kept_clicks(connection: sqlite3.Connection, clicks: Sequence[int]) -> int:
    """Return how many of these entries of the click log are there."""
    row = connection.execute(
        "SELECT count(*) FROM clicks WHERE click IN (SELECT value FROM json_each(?))", (json.dumps(list(clicks)),)
    ).fetchone()
    return int(row[0])


def _is_item(connection: sqlite3.Connection, id: str) -> bool:
    row = connection.execute("SELECT 1 FROM items WHERE id = ? AND merged_into IS NULL", (id,)).fetchone()
    return row is not None


class SubjectReader:
    """Reads what a reviewer is shown of tasks.

    Args:
        store: the catalogue.
        links: addresses of pictures and photos.
    """

    def __init__(self, store: Store, links: Links) -> None:
        self._store, self._links = store, links

    def show(self, task: Task) -> Record:
        """Return a task with its pictures, items and photos."""
        subject = task.subject
        shown: Record = {
            "task": task.task,
            "queue": task.queue,
            "score": round(task.score, 4),
            "sample": task.sample,
            "reason": subject.get("reason", ""),
            "figures": subject.get("figures", {}),
            "verdicts": list(queue_of(task.queue).verdicts),
        }
        return {**shown, **getattr(self, f"_{task.queue}")(subject)}

    def _duplicates(self, subject: Record) -> Record:
        first, second = self._pictures(subject["item"], [subject["first"], subject["second"]])
        return {"first": first, "second": second}

    def _denoise(self, subject: Record) -> Record:
        (first,) = self._pictures(subject["item"], [subject["first"]])
        others = [one for one in self._visible(subject["item"], PICTURES + 1) if one != subject["first"]]
        return {"first": first, "others": self._pictures(subject["item"], others[:PICTURES])}

    def _merge(self, subject: Record) -> Record:
        first, second = subject["first"], subject["second"]
        items = self._items([first, second])
        return {
            "first": items[first],
            "second": items[second],
            "first_pictures": self._pictures(first, self._visible(first, PICTURES)),
            "second_pictures": self._pictures(second, self._visible(second, PICTURES)),
            "denied": bool(subject.get("denied")),
        }

    def _boxes(self, subject: Record) -> Record:
        (first,) = self._pictures(subject["item"], [subject["first"]])
        size = {"width": subject["width"], "height": subject["height"]}
        return {"first": {**first, **size}, "boxes": subject["boxes"], "labels": subject["labels"]}

    def _crop_boxes(self, subject: Record) -> Record:
        photos = self._photos(subject["clicks"])
        size = {"width": subject["width"], "height": subject["height"]}
        first = {"item": None, "sha256": subject["first"], "image": photos[0]["image"], **size} if photos else None
        return {"first": first, **{name: subject[name] for name in ("boxes", "labels", "crops")}}

    def _crops(self, subject: Record) -> Record:
        photos = self._photos(subject["clicks"])
        return {"photo": photos[0] if photos else None, "proposals": self._proposals(subject["proposals"])}

    def _unanswered(self, subject: Record) -> Record:
        photos = self._photos(subject["clicks"])
        made = sorted(photo["made"] for photo in photos)
        return {
            "photos": photos[:PHOTOS],
            "searches": len(photos),
            "proposals": self._proposals(subject["proposals"]),
            "first": made[0] if made else None,
            "last": made[-1] if made else None,
        }

    def _proposals(self, proposals: Sequence[Mapping[str, Any]]) -> list[Record]:
        items = self._items([one["id"] for one in proposals])
        return [{"item": items[one["id"]], "score": one["score"]} for one in proposals if items.get(one["id"])]

    def _items(self, ids: Iterable[str]) -> dict[str, Record | None]:
        """Return id -> record, None for an item that is gone."""
        wanted = list(ids)
        with self._store.snapshot() as connection:
            rows = connection.execute(
                "SELECT id, number FROM items WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(wanted),)
            ).fetchall()
        records = self._store.records(number for _, number in rows)
        found = {id: self._links.item(records[number]) for id, number in rows if number in records}
        return {id: found.get(id) for id in wanted}

    def _visible(self, item: str, most: int) -> list[str]:
        """Return hashes of an item's own visible pictures, the main one first."""
        with self._store.snapshot() as connection:
            rows = connection.execute(
                "SELECT sha256 FROM images JOIN items ON number = item WHERE id = ? AND found_as IS NOT NULL "
                "ORDER BY position LIMIT ?",
                (item, most),
            ).fetchall()
        return [row[0] for row in rows]

    def _pictures(self, item: str, hashes: Sequence[str]) -> list[Record]:
        record = self._items([item])[item]
        with self._store.snapshot() as connection:
            rows = connection.execute(
                "SELECT sha256, max(x2), max(y2) FROM images JOIN items ON number = item "
                "LEFT JOIN vectors USING (image) WHERE id = ? GROUP BY sha256",
                (item,),
            ).fetchall()
        sizes = {sha256: (width, height) for sha256, width, height in rows}
        return [
            {
                "item": record,
                "sha256": sha256,
                "image": self._links.picture_url(item, sha256),
                "width": sizes.get(sha256, (None, None))[0],
                "height": sizes.get(sha256, (None, None))[1],
            }
            for sha256 in hashes
        ]

    def _photos(self, clicks: Sequence[int]) -> list[Record]:
        with self._store.snapshot() as connection:
            rows = connection.execute(
                "SELECT path, box, made, kind FROM clicks WHERE click IN (SELECT value FROM json_each(?)) "
                "ORDER BY click",
                (json.dumps(list(clicks)),),
            ).fetchall()
        found = []
        for path, box, made, kind in rows:
            token = path.rpartition("/")[2].partition(".")[0]
            url = self._links.photo_url(token)
            found.append(
                {
                    "photo": token,
                    "image": url,
                    "crop": f"{url}?crop=true",
                    "box": None if box is None else json.loads(box),
                    "made": made,
                    "kind": kind,
                }
            )
        return found
