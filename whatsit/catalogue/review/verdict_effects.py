"""From a verdict on a task to decisions of the log and their outcomes."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.cleaning.decision import Decision
from whatsit.catalogue.review.photo_items import add_photo, create_item
from whatsit.catalogue.review.queues import queue_of
from whatsit.catalogue.review.task_subjects import is_visible, kept_clicks, open_clicks
from whatsit.catalogue.review.task_table import Task
from whatsit.catalogue.store.decision_outcomes import choose_item
from whatsit.catalogue.store.store import Store

MOST_BOXES = 200


@dataclass(frozen=True)
class Verdict:
    """What a reviewer says of a task.

    Args:
        task: its number.
        verdict: of the queue's, or `skip`.
        why: words of the reviewer.
        item: id, for `item` and `assign`.
        fields: of a new item with its id, for `create`.
        boxes: with label each, for `boxes`.
        add_picture: add the photo to the item's pictures, for `item` and `assign`.
    """

    task: int
    verdict: str
    why: str = ""
    item: str | None = None
    fields: Mapping[str, Any] | None = None
    boxes: tuple[Mapping[str, Any], ...] = ()
    add_picture: bool = False


@dataclass(frozen=True)
class Effect:
    """What is written for a verdict.

    Args:
        decision: for the log.
        outcome: beside it.
        changed: whether the catalogue must follow the decision.
    """

    decision: Decision
    outcome: dict[str, Any] = field(default_factory=dict)
    changed: bool = False


class Gone(InvalidInput):
    """The subject of a task is no longer there."""


def effect_of(store: Store, connection: sqlite3.Connection, task: Task, verdict: Verdict) -> Effect:
    """Put into effect what a verdict changes beside the log, and return what to log.

    Args:
        store: the catalogue.
        connection: of its transaction.
        task: that was decided.
        verdict: on it.

    Raises:
        InvalidInput: the verdict is none of the queue's, or lacks what it needs.
        Gone: what it asks about is no longer there.
    """
    if verdict.verdict not in queue_of(task.queue).verdicts:
        known = ", ".join(queue_of(task.queue).verdicts)
        raise InvalidInput(f"'{verdict.verdict[:40]}' is no verdict of the queue {task.queue}; write {known} or skip.")
    return _EFFECTS[task.queue](store, connection, task, verdict)


def _duplicates(_: Store, connection: sqlite3.Connection, task: Task, verdict: Verdict) -> Effect:
    item, kept, hidden = (task.subject[name] for name in ("item", "first", "second"))
    if verdict.verdict == "keep_second":
        kept, hidden = hidden, kept
    for sha256 in (kept, hidden):
        if not is_visible(connection, item, sha256):
            raise Gone("One of the two pictures is hidden or deleted already.")
    if verdict.verdict == "different":
        reason = "Two pictures, a reviewer says, not one."
        return Effect(Decision("duplicates", "different", item, hidden, item, kept, reason, _figures(task)))
    reason = f"A reviewer found them to be one picture. {task.subject.get('reason', '')}".strip()
    return Effect(Decision("duplicates", "dropped", item, hidden, item, kept, reason, _figures(task)), changed=True)


def _denoise(_: Store, connection: sqlite3.Connection, task: Task, verdict: Verdict) -> Effect:
    item, sha256, nearest = (task.subject[name] for name in ("item", "first", "nearest"))
    if not is_visible(connection, item, sha256):
        raise Gone("The picture is hidden or deleted already.")
    if verdict.verdict == "right":
        reason = "It shows the item, a reviewer says."
        return Effect(Decision("denoise", "right", item, sha256, None, None, reason, _figures(task)))
    reason = f"It shows something else, a reviewer says. {task.subject.get('reason', '')}".strip()
    return Effect(Decision("denoise", "dropped", item, sha256, item, nearest, reason, _figures(task)), changed=True)


def _merge(_: Store, connection: sqlite3.Connection, task: Task, verdict: Verdict) -> Effect:
    main, other = task.subject["first"], task.subject["second"]
    if verdict.verdict == "merge_into_second":
        main, other = other, main
    found = connection.execute(
        "SELECT count(*) FROM items WHERE id IN (?,?) AND merged_into IS NULL", (main, other)
    ).fetchone()[0]
    if found != 2:
        raise Gone("One of the two items is merged or deleted already.")
    if verdict.verdict == "different":
        reason = "Two items, a reviewer says."
        return Effect(Decision("merge", "different", other, None, main, None, reason, _figures(task)))
    reason = f"One item, a reviewer says. {task.subject.get('reason', '')}".strip()
    return Effect(Decision("merge", "merged", other, None, main, None, reason, _figures(task)), changed=True)


def _boxes(_: Store, connection: sqlite3.Connection, task: Task, verdict: Verdict) -> Effect:
    item, sha256 = task.subject["item"], task.subject["first"]
    if not is_visible(connection, item, sha256):
        raise Gone("The picture is hidden or deleted already.")
    if verdict.verdict == "unclear":
        reason = "A reviewer could not tell what is in it."
        return Effect(Decision("boxes", "unclear", item, sha256, None, None, reason))
    width, height = task.subject["width"], task.subject["height"]
    boxes = _checked_boxes(verdict.boxes, width, height)
    outcome = {"boxes": boxes, "width": width, "height": height}
    reason = f"A reviewer drew {len(boxes)} boxes; the detector had {len(task.subject['boxes'])}."
    figures = {"boxes": len(boxes), "detected": len(task.subject["boxes"])}
    return Effect(Decision("boxes", "labelled", item, sha256, None, None, reason, figures), outcome)


def _crop_boxes(_: Store, connection: sqlite3.Connection, task: Task, verdict: Verdict) -> Effect:
    subject = task.subject
    if not kept_clicks(connection, subject["clicks"]):
        raise Gone("The photo was withdrawn.")
    figures = {"crops": len(subject["crops"]), "proposed": len(subject["boxes"])}
    if verdict.verdict == "unclear":
        reason = "A reviewer could not tell what is in the photo."
        return Effect(Decision("crop_boxes", "unclear", "", subject["first"], None, None, reason, figures))
    boxes = _checked_boxes(verdict.boxes, subject["width"], subject["height"])
    outcome = {"boxes": boxes, "width": subject["width"], "height": subject["height"]}
    reason = f"A reviewer saw {len(boxes)} boxes; {len(subject['crops'])} crops had proposed {len(subject['boxes'])}."
    decision = Decision(
        "crop_boxes", "labelled", "", subject["first"], None, None, reason, {**figures, "boxes": len(boxes)}
    )
    return Effect(decision, outcome)


def _photos(store: Store, connection: sqlite3.Connection, task: Task, verdict: Verdict) -> Effect:
    """Verdicts on crops and on unanswered searches."""
    clicks = open_clicks(connection, task.subject["clicks"])
    if not clicks:
        raise Gone("The photos were withdrawn or have an item already.")
    photos = "The photo" if len(clicks) == 1 else f"{len(clicks)} photos"
    figures = {"photos": len(clicks)}
    word = queue_of(task.queue).verdicts[verdict.verdict]
    step = queue_of(task.queue).name
    if verdict.verdict == "create":
        fields = create_item(store, connection, clicks, verdict.fields or {})
        made = {"clicks": choose_item(connection, clicks, fields.id), "created": fields.id}
        reason = f"{photos} that nobody could answer: a reviewer made the item."
        return Effect(Decision(step, word, fields.id, None, None, None, reason, figures), made, changed=True)
    if verdict.verdict in ("item", "assign"):
        item = _known_item(connection, verdict.item)
        outcome: dict[str, Any] = {}
        if verdict.add_picture:
            outcome["picture"] = {"item": item, "sha256": add_photo(store, connection, clicks[0], item)}
        outcome["clicks"] = choose_item(connection, clicks, item)
        reason = f"{photos} of visitors: a reviewer named the item."
        return Effect(Decision(step, word, item, None, None, None, reason, figures), outcome, verdict.add_picture)
    proposed = task.subject["proposals"][0]["id"] if task.subject["proposals"] else ""
    reasons = {
        "none": "shows none of our items",
        "useless": "is of no use",
        "not_for_sale": "shows what is not for sale here",
    }
    reason = f"{photos} of visitors, a reviewer says, {reasons[verdict.verdict]}."
    if len(clicks) > 1:
        reason = reason.replace(" shows ", " show ").replace(" is of ", " are of ")
    return Effect(Decision(step, word, "", None, proposed or None, None, reason, figures))


_EFFECTS: Mapping[str, Callable[[Store, sqlite3.Connection, Task, Verdict], Effect]] = {
    "duplicates": _duplicates,
    "denoise": _denoise,
    "merge": _merge,
    "boxes": _boxes,
    "crops": _photos,
    "crop_boxes": _crop_boxes,
    "unanswered": _photos,
}


def _figures(task: Task) -> dict[str, float]:
    return {**task.subject.get("figures", {}), "score": round(task.score, 4)}


def _known_item(connection: sqlite3.Connection, id: str | None) -> str:
    if not id:
        raise InvalidInput("Name the item that the photo shows by its id.")
    if connection.execute("SELECT 1 FROM items WHERE id = ?", (id,)).fetchone() is None:
        raise InvalidInput(f"The catalogue has no item '{id[:100]}'.")
    return id


def _checked_boxes(boxes: tuple[Mapping[str, Any], ...], width: float, height: float) -> list[dict[str, Any]]:
    if len(boxes) > MOST_BOXES:
        raise InvalidInput(f"A picture has at most {MOST_BOXES} boxes, not {len(boxes)}.")
    found = []
    for one in boxes:
        x1, y1, x2, y2 = (float(side) for side in one["box"])
        box = [max(x1, 0.0), max(y1, 0.0), min(x2, width), min(y2, height)]
        if not all(map(math.isfinite, box)) or box[2] - box[0] < 1 or box[3] - box[1] < 1:
            raise InvalidInput(f"The box {list(one['box'])} has no area within the picture of {width:g}x{height:g}.")
        found.append({"box": [round(side, 1) for side in box], "label": str(one.get("label") or "")[:60]})
    return found
