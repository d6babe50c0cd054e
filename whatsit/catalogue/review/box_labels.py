"""Boxes that reviewers drew, as labels for training the detector."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue.store.picture_files import read_picture
from whatsit.catalogue.store.store import Store
from whatsit.evaluation.datasets.label_file import Box, LabelFile, Picture
from whatsit.vision.picture_file import picture_kind

ORIGIN = "person"
_ENDINGS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp"}


def reviewed_labels(store: Store) -> list[tuple[str, Picture]]:
    """Return path and labels of each picture whose boxes a reviewer drew.

    Of several decisions in force on a picture the latest counts.
    """
    with store.snapshot() as connection:
        rows = connection.execute(
            "SELECT decisions.sha256, path, outcome FROM decisions JOIN decision_notes USING (decision) "
            "JOIN items ON items.id = decisions.item JOIN images ON images.item = number "
            "AND images.sha256 = decisions.sha256 "
            "WHERE step = 'boxes' AND verdict = 'labelled' AND undone IS NULL ORDER BY decision"
        ).fetchall()
    found: dict[str, tuple[str, Picture]] = {}
    for sha256, path, text in rows:
        outcome = json.loads(text)
        boxes = tuple(Box.of_corners(one["box"], one["label"] or "object", origin=ORIGIN) for one in outcome["boxes"])
        picture = Picture(sha256[:32], round(outcome["width"]), round(outcome["height"]), boxes)
        found[sha256] = store.places(path), picture
    return list(found.values())


def export_labels(store: Store, folder: Path) -> tuple[int, int]:
    """Write pictures and their labels as `whatsit train detector` reads them.

    Args:
        store: the catalogue.
        folder: gets `pictures/` and `labels.json` (COCO).

    Returns:
        Pictures written, and pictures that could not be read.

    Raises:
        InvalidInput: nobody drew boxes yet.
        Unavailable: the folder cannot be written.
    """
    labelled = reviewed_labels(store)
    if not labelled:
        raise InvalidInput(f"Nobody drew boxes in {store.path} yet: review its queue 'boxes' in the studio first.")
    pictures, unread = [], 0
    try:
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
        for path, picture in labelled:
            try:
                data = read_picture(path, store.folder)
            except InvalidInput:
                unread += 1
                continue
            name = f"{picture.file}{_ENDINGS.get(picture_kind(data) or '', '.img')}"
            (folder / "pictures" / name).write_bytes(data)
            pictures.append(replace(picture, file=name))
        LabelFile(tuple(pictures)).write(folder / "labels.json")
    except OSError as error:
        raise Unavailable(f"The labels cannot be written to {folder} ({error.strerror}).") from error
    return len(pictures), unread
