"""Label files: COCO JSON that Label Studio, FiftyOne and pycocotools open."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from whatsit_client.errors import Damaged, InvalidInput

from whatsit.vision.boxes import FloatArray, iou

OBJECT = "object"
"""Name of a box of unknown kind."""
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")
_BOX_KEYS = ("id", "image_id", "category_id", "bbox", "area", "iscrowd", "score", "origin", "weight")
_PICTURE_KEYS = ("id", "file_name", "width", "height", "background_weight")


@dataclass(frozen=True)
class Box:
    """One box of a picture.

    Args:
        x: left edge, pixels; `y`: top edge; `width`, `height`: sides.
        name: what it shows.
        score: 0..1 where a network found it; None where a person drew it.
        doubtful: True where an object is uncertain; COCO's `iscrowd`, which evaluation ignores.
        origin: of the box, such as "teacher" or "person".
        id: of the annotation; None until it is written.
        more: the other keys of the file, kept as they are.
        weight: of the box in training, 1 for a trusted one; 0 is no box.
    """

    x: float
    y: float
    width: float
    height: float
    name: str = OBJECT
    score: float | None = None
    doubtful: bool = False
    origin: str = ""
    id: int | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0

    @classmethod
    def of_corners(cls, corners: Sequence[float] | FloatArray, name: str = OBJECT, **rest: Any) -> Box:
        """Make a box of x1, y1, x2, y2 in pixels, rounded to hundredths."""
        x1, y1, x2, y2 = (round(float(v), 2) for v in corners)
        return cls(x1, y1, round(x2 - x1, 2), round(y2 - y1, 2), name, **rest)

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """Return x1, y1, x2, y2 in pixels."""
        return self.x, self.y, self.x + self.width, self.y + self.height

    def iou(self, other: Box) -> float:
        """Return the intersection over union with another box."""
        return float(iou(corners_of([self]), corners_of([other]))[0, 0])


def corners_of(boxes: Iterable[Box]) -> FloatArray:
    """Return the corners of boxes, f32 [N, 4]."""
    return np.array([box.corners for box in boxes], dtype=np.float32).reshape(-1, 4)


@dataclass(frozen=True)
class Picture:
    """A picture file and its boxes.

    Args:
        file: its path below the folder of pictures, with `/`.
        width: in pixels, 0 if unknown; `height` too.
        boxes: of it.
        id: of the image; None until it is written.
        more: the other keys of the file, kept as they are.
        background: weight in training of the places without a box; below 1 where things may lack their box.
    """

    file: str
    width: int
    height: int
    boxes: tuple[Box, ...] = ()
    id: int | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    background: float = 1.0

    def corners(self, doubtful: bool = False) -> FloatArray:
        """Return corners of the sure (or the doubtful) boxes, float32 [N, 4]."""
        return corners_of(box for box in self.boxes if box.doubtful == doubtful)


@dataclass(frozen=True)
class LabelFile:
    """The content of one COCO JSON file.

    Args:
        pictures: with their boxes.
        categories: COCO's entries (id, name, …); names that boxes use beyond them are added when it is written.
        more: the file's other sections (`info`, `licenses`, …), kept as they are.
    """

    pictures: tuple[Picture, ...]
    categories: tuple[Mapping[str, Any], ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(len(picture.boxes) for picture in self.pictures)

    def by_file(self) -> dict[str, Picture]:
        """Return the pictures by their path."""
        return {picture.file: picture for picture in self.pictures}

    def document(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        categories = [dict(category) for category in self.categories]
        ids = {category["name"]: category["id"] for category in categories}
        used = dict.fromkeys(box.name for picture in self.pictures for box in picture.boxes)
        for name in used:
            if name not in ids:
                ids[name] = max(ids.values(), default=0) + 1
                categories.append({"id": ids[name], "name": name, "supercategory": ""})
        images, annotations = [], []
        image_ids = _Numbers(picture.id for picture in self.pictures)
        box_ids = _Numbers(box.id for picture in self.pictures for box in picture.boxes)
        for picture in self.pictures:
            number = image_ids.of(picture.id)
            size = {"width": picture.width, "height": picture.height} if picture.width else {}
            weight = {} if picture.background == 1 else {"background_weight": picture.background}
            images.append({"id": number, "file_name": picture.file, **size, **weight, **picture.more})
            annotations += [_annotation(box, box_ids.of(box.id), number, ids[box.name]) for box in picture.boxes]
        return {**self.more, "images": images, "annotations": annotations, "categories": categories}

    def write(self, file: Path) -> None:
        """Write the file; a reader finds the old one or the whole new one."""
        write_atomically(file, json.dumps(self.document(), separators=(",", ":")))


def write_atomically(file: Path, text: str) -> None:
    """Write a file that a reader finds whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.writing")
    part.write_text(text, encoding="utf-8")
    part.replace(file)


class _Numbers:
    """Source of free numbers."""

    def __init__(self, taken: Iterable[int | None]) -> None:
        self._last = max((number for number in taken if number is not None), default=0)

    def of(self, number: int | None) -> int:
        if number is None:
            self._last += 1
            return self._last
        return number


def _annotation(box: Box, number: int, image: int, category: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": number, "image_id": image, "category_id": category}
    entry["bbox"] = [box.x, box.y, box.width, box.height]
    entry |= {"area": round(box.width * box.height, 2), "iscrowd": int(box.doubtful)}
    entry |= {} if box.score is None else {"score": box.score}
    entry |= {"origin": box.origin} if box.origin else {}
    entry |= {} if box.weight == 1 else {"weight": box.weight}
    return {**entry, **box.more}


def read_labels(file: Path) -> LabelFile:
    """Read a COCO JSON file of any origin.

    Raises:
        InvalidInput: it is not there.
        Damaged: it is no COCO JSON, or names images or categories that it does not list.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"The labels {file} cannot be read: pass the path of a COCO JSON file.") from error
    except ValueError as error:
        raise Damaged(f"{file} is not JSON: export it again as COCO.") from error
    try:
        names = {category["id"]: category["name"] for category in document["categories"]}
        boxes: dict[int, list[Box]] = {image["id"]: [] for image in document["images"]}
        for entry in document["annotations"]:
            boxes[entry["image_id"]].append(_box(entry, names[entry["category_id"]]))
        pictures = tuple(
            Picture(
                str(image["file_name"]),
                int(image.get("width", 0)),
                int(image.get("height", 0)),
                tuple(boxes[image["id"]]),
                image["id"],
                {key: value for key, value in image.items() if key not in _PICTURE_KEYS},
                _weight(image, "background_weight"),
            )
            for image in document["images"]
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Damaged(
            f"{file} is not COCO JSON with boxes ({type(error).__name__}: {error}): export it again as COCO."
        ) from error
    sections = ("images", "annotations", "categories")
    rest = {key: value for key, value in document.items() if key not in sections}
    return LabelFile(pictures, tuple(document["categories"]), rest)


def _box(entry: Mapping[str, Any], name: str) -> Box:
    x, y, width, height = entry["bbox"]
    more = {key: value for key, value in entry.items() if key not in _BOX_KEYS}
    if "area" in entry and entry["area"] != round(width * height, 2):
        more["area"] = entry["area"]  # of the outline, where there is one
    score, origin = entry.get("score"), str(entry.get("origin", ""))
    weight = _weight(entry, "weight")
    return Box(x, y, width, height, name, score, bool(entry.get("iscrowd", 0)), origin, entry["id"], more, weight)


def _weight(entry: Mapping[str, Any], key: str) -> float:
    weight = float(entry.get(key, 1.0))
    if not 0 <= weight < math.inf:
        raise ValueError(f"{key} is {weight}, not a number from 0 on")
    return weight


def matching(files: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Find pictures again under the names that a labelling tool gave them.

    A tool may drop folders and put eight hexadecimal digits and a dash in front (Label Studio's uploads).

    Args:
        files: names of the tool.
        known: local names.

    Returns:
        The local name of each unambiguous file.
    """
    ours = list(known)
    by_name: dict[str, list[str]] = {}
    for file in ours:
        by_name.setdefault(file.rsplit("/", 1)[-1], []).append(file)
    found = {}
    for file in files:
        name = file.replace("\\", "/").rsplit("/", 1)[-1]
        same = [file] if file in set(ours) else by_name.get(name) or by_name.get(_UPLOADED.sub("", name), [])
        if len(same) == 1:
            found[file] = same[0]
    return found


def renamed(labels: LabelFile, known: Iterable[str]) -> LabelFile:
    """Return the labels under the local file names; unknown pictures are left out."""
    names = matching([picture.file for picture in labels.pictures], known)
    kept = [replace(picture, file=names[picture.file]) for picture in labels.pictures if picture.file in names]
    return replace(labels, pictures=tuple(kept))
