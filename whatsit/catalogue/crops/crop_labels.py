"""Labels of a catalogue from what its visitors cropped."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue.crops.annotations import CropAnnotator
from whatsit.catalogue.crops.crop_page import CropPage
from whatsit.catalogue.crops.cropped_pictures import CroppedPicture, Progress, cropped_pictures
from whatsit.catalogue.crops.weak_boxes import WeakBox, WeakPicture, weak_boxes
from whatsit.catalogue.review.photo_candidates import read_photos
from whatsit.catalogue.review.photo_networks import PhotoNetworks
from whatsit.catalogue.store.store import Store
from whatsit.evaluation.datasets.label_file import OBJECT, LabelFile, Picture
from whatsit.vision.box_clusters import Members
from whatsit.vision.decode_process import decode_isolated

QUEUE = "crop_boxes"
LABELS = "labels.json"
PICTURES = "pictures"
_SIDE = 1600


@dataclass
class CropReport:
    """What was written.

    Args:
        pictures: with labels.
        crops: in them.
        boxes: that are labels.
        doubtful: boxes that are not sure enough.
        named: labels with a category.
        reviewed: pictures whose boxes a person confirmed or corrected.
        refused: pictures that a person found unclear; they are left out.
        unread: photos that cannot be read; they are left out.
    """

    pictures: int = 0
    crops: int = 0
    boxes: int = 0
    doubtful: int = 0
    named: int = 0
    reviewed: int = 0
    refused: int = 0
    unread: int = 0


def label_pictures(
    store: Store,
    networks: PhotoNetworks,
    progress: Progress = lambda done, total, note: None,
) -> list[tuple[CroppedPicture, WeakPicture]]:
    """Return the photos in which people cropped, each with the labels that follow.

    Vectors of regions are kept, so that an interrupted run goes on where it was.

    Args:
        store: the catalogue.
        networks: embed the regions.
        progress: called with steps done, steps in all and what is done.

    Raises:
        InvalidInput: nobody cropped anything.
    """
    pictures = cropped_pictures(store, progress)
    if not pictures:
        raise InvalidInput(
            f"No visitor's crop is kept in {store.path}: start the server with --collect crops, and wait for visitors "
            "who agree."
        )
    vectors = {photo.click: photo.vector for photo in read_photos(store, networks, progress)}
    annotator = CropAnnotator(store, networks.fingerprint, vectors)
    found = []
    for picture in pictures:
        size = (picture.width, picture.height)
        found.append((picture, weak_boxes(picture.boxes(), size, annotator.annotate(picture))))
    return found


def export_crop_labels(
    store: Store,
    folder: Path,
    networks: PhotoNetworks,
    progress: Progress = lambda done, total, note: None,
) -> CropReport:
    """Write photos, their labels and a page of heat maps.

    Args:
        store: the catalogue.
        folder: gets `pictures/`, `heat/`, `index.html` and `labels.json` (COCO with weights).
        networks: embed the regions.
        progress: called with steps done, steps in all and what is done.

    Raises:
        InvalidInput: nobody cropped anything.
        Unavailable: the folder cannot be written.
    """
    labelled = label_pictures(store, networks, progress)
    decided, report = decided_pictures(store), CropReport()
    page, files = CropPage(folder, store.folder.name), []
    try:
        for done, (picture, weak) in enumerate(labelled, start=1):
            progress(done, len(labelled), "drawing heat maps")
            outcome = decided.get(picture.sha256)
            if outcome == {}:
                report.refused += 1
                continue
            try:
                data = picture.path.read_bytes()
                pixels = decode_isolated(data, _SIDE).pixels
            except (OSError, InvalidInput):
                report.unread += 1
                continue
            name = f"{picture.sha256[:32]}{picture.path.suffix}"
            if outcome is not None:
                weak, report.reviewed = reviewed_boxes(outcome), report.reviewed + 1
            (folder / PICTURES).mkdir(parents=True, exist_ok=True)
            (folder / PICTURES / name).write_bytes(data)
            page.add(picture, weak, name, pixels, outcome is not None)
            files.append(_labels(picture, weak, name, outcome is not None))
            _count(report, picture, files[-1])
        LabelFile(tuple(files)).write(folder / LABELS)
        page.write(report.boxes)
    except OSError as error:
        raise Unavailable(f"The labels cannot be written to {folder} ({error.strerror}).") from error
    return report


def decided_pictures(store: Store) -> dict[str, dict[str, object]]:
    """Return sha256 -> the boxes that a reviewer saw last; {} for an unclear picture."""
    with store.snapshot() as connection:
        rows = connection.execute(
            "SELECT sha256, verdict, outcome FROM decisions JOIN decision_notes USING (decision) "
            "WHERE step = ? AND undone IS NULL ORDER BY decision",
            (QUEUE,),
        ).fetchall()
    return {sha256: json.loads(outcome) if verdict == "labelled" else {} for sha256, verdict, outcome in rows}


def reviewed_boxes(outcome: dict[str, object]) -> WeakPicture:
    """Return the boxes of a reviewer, which are certain."""
    boxes = outcome["boxes"]
    assert isinstance(boxes, list)
    none: Members = np.zeros(0, dtype=np.int64)
    found = [
        WeakBox(np.array(one["box"], dtype=np.float32), 1.0, none, one["label"] or OBJECT, float(bool(one["label"])))
        for one in boxes
    ]
    return WeakPicture(tuple(found), 1.0)


def _labels(picture: CroppedPicture, weak: WeakPicture, name: str, reviewed: bool) -> Picture:
    labels = weak.to_labels(name, picture.width, picture.height)
    if not reviewed:
        return labels
    return replace(labels, boxes=tuple(replace(box, origin="person", more={}) for box in labels.boxes))


def _count(report: CropReport, picture: CroppedPicture, labels: Picture) -> None:
    sure = [box for box in labels.boxes if not box.doubtful]
    report.pictures += 1
    report.crops += len(picture.crops)
    report.boxes += len(sure)
    report.doubtful += len(labels.boxes) - len(sure)
    report.named += sum(box.name != OBJECT for box in sure)
