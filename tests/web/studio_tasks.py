"""Tasks of every review queue, as the studio's REST contract shapes them."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]
VERDICTS = {
    "duplicates": ["duplicate", "keep_second", "different"],
    "denoise": ["wrong", "right"],
    "merge": ["merge", "merge_into_second", "different"],
    "boxes": ["boxes", "unclear"],
    "crop_boxes": ["boxes", "unclear"],
    "crops": ["item", "none", "useless"],
    "unanswered": ["assign", "create", "not_for_sale", "useless"],
}


def make_tasks(items: list[Record], each: int = 30) -> dict[str, dict[int, Record]]:
    """Return queue -> number -> task."""
    found: dict[str, dict[int, Record]] = {}
    for at, (queue, verdicts) in enumerate(VERDICTS.items()):
        found[queue] = {}
        for turn in range(each):
            number = 1000 * at + turn + 1
            first, second = items[turn % len(items)], items[(turn + 1) % len(items)]
            head = {"task": number, "queue": queue, "score": round(0.99 - turn / 40, 3), "sample": turn == 2}
            why = {"reason": f"Why task {number} is asked.", "figures": {"similarity": 0.98}, "verdicts": verdicts}
            found[queue][number] = {**head, **why, **_shape(queue, first, second)}
    return found


def _shape(queue: str, first: Record, second: Record) -> Record:
    proposals = [{"item": first, "score": 1.2}, {"item": second, "score": 1.1}]
    photo = {"photo": first["id"], "image": f"/v1/review/photos/{first['id']}", "box": [1, 2, 3, 4], "made": None}
    photo = {**photo, "crop": f"{photo['image']}?crop=true", "kind": "none"}
    boxes = [
        {"box": [60, 60, 200, 300], "score": 0.41, "label": "bottle", "doubtful": True},
        {"box": [220, 80, 330, 320], "score": 0.9, "label": "can", "doubtful": False},
    ]
    shapes: dict[str, Record] = {
        "duplicates": {"first": _picture(first, "a"), "second": _picture(first, "b")},
        "denoise": {"first": _picture(first, "a"), "others": [_picture(first, "b"), _picture(first, "c")]},
        "merge": {
            "first": first,
            "second": second,
            "first_pictures": [_picture(first, "a"), _picture(first, "b")],
            "second_pictures": [_picture(second, "a")],
            "denied": True,
        },
        "boxes": {"first": _picture(first, "a"), "boxes": boxes, "labels": ["bottle", "can"]},
        "crop_boxes": {
            "first": {"item": None, "sha256": "f", "image": photo["image"], "width": 400, "height": 400},
            "boxes": boxes,
            "labels": ["bottle", "can"],
            "crops": [[50, 50, 210, 310], [64, 58, 190, 290], [210, 90, 320, 330]],
        },
        "crops": {"photo": photo, "proposals": proposals},
        "unanswered": {"photos": [photo] * 7, "searches": 31, "proposals": proposals, **_SPAN},
    }
    return shapes[queue]


_SPAN = {"first": "2026-11-20T10:00:00+00:00", "last": "2026-11-27T10:00:00+00:00"}


def _picture(item: Record, name: str) -> Record:
    image = f"/v1/items/{item['id']}/image?sha256={name}"
    return {"item": item, "sha256": name * 64, "image": image, "width": 400, "height": 400}
