"""Pictures with boxes, as the detector's training and evaluation read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged, InvalidInput

from whatsit.models.product_labels import UNKNOWN, label_names
from whatsit.vision.boxes import FloatArray

Pixels = npt.NDArray[np.uint8]


def _no_boxes() -> FloatArray:
    return np.zeros((0, 4), dtype=np.float32)


@dataclass(frozen=True)
class LabelledPicture:
    """A picture file and what is known of it.

    Args:
        path: of the picture.
        boxes: float32 [N, 4], x1,y1,x2,y2 in pixels.
        labels: int64 [N], product label 1.., `NO_PRODUCT` or `UNKNOWN`.
        doubtful: float32 [D, 4], places where there may or may not be a thing.
    """

    path: Path
    boxes: FloatArray
    labels: npt.NDArray[np.int64]
    doubtful: FloatArray = field(default_factory=_no_boxes)

    def pixels(self) -> Pixels:
        """The picture, RGB uint8 [H, W, 3].

        Raises:
            Damaged: the file cannot be read.
        """
        return read_rgb(self.path)


def opened(pictures: Iterable[LabelledPicture]) -> Iterator[tuple[Pixels, FloatArray]]:
    """Pixels and boxes of each picture, read when it is its turn."""
    return ((picture.pixels(), picture.boxes) for picture in pictures)


def read_rgb(path: Path) -> Pixels:
    """Read a training picture, RGB uint8 [H, W, 3], upright.

    Raises:
        Damaged: the file cannot be read.
    """
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise Damaged(f"The picture {path} cannot be read: fetch it again or take it out of the data folder.")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def read_yolo(folder: Path, label_of: Sequence[int], leave_out: frozenset[str] = frozenset()) -> list[LabelledPicture]:
    """Read a data set in YOLO's text format.

    Args:
        folder: holds `images` and `labels`.
        label_of: product label of each class of the set.
        leave_out: file names to skip.

    Raises:
        InvalidInput: no pictures there.
    """
    pictures = []
    for path in sorted((folder / "images").glob("*.jpg")):
        if path.name in leave_out:
            continue
        text = folder / "labels" / f"{path.stem}.txt"
        rows = (
            np.loadtxt(text, ndmin=2, dtype=np.float32) if text.is_file() and text.stat().st_size else np.zeros((0, 5))
        )
        height, width = read_rgb(path).shape[:2]
        centre, half = rows[:, 1:3], rows[:, 3:5] / 2
        boxes = np.concatenate([centre - half, centre + half], axis=1) * np.array([width, height] * 2)
        labels = np.array([label_of[int(c)] for c in rows[:, 0]], dtype=np.int64)
        pictures.append(LabelledPicture(path, boxes.astype(np.float32), labels))
    if not pictures:
        raise InvalidInput(
            f"There are no pictures in {folder / 'images'}: pass --data with the folder that holds them."
        )
    return pictures


def write_coco(file: Path, root: Path, pictures: Sequence[LabelledPicture]) -> None:
    """Write boxes as COCO JSON with paths relative to `root`.

    Category ids are product labels; `NO_PRODUCT` (0) is named "object", `UNKNOWN` (-1) "unknown".
    """
    categories = [{"id": UNKNOWN, "name": "unknown"}, *({"id": i, "name": n} for i, n in enumerate(label_names()))]
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for number, picture in enumerate(pictures):
        images.append({"id": number, "file_name": picture.path.relative_to(root).as_posix()})
        rows = [(box, int(label), 0) for box, label in zip(picture.boxes, picture.labels, strict=True)]
        rows += [(box, UNKNOWN, 1) for box in picture.doubtful]
        for box, label, crowd in rows:
            x1, y1, x2, y2 = (round(float(v), 2) for v in box)
            bbox = [x1, y1, round(x2 - x1, 2), round(y2 - y1, 2)]
            entry = {"id": len(annotations) + 1, "image_id": number, "category_id": label, "bbox": bbox}
            annotations.append(entry | {"area": round(bbox[2] * bbox[3], 2), "iscrowd": crowd})
    file.parent.mkdir(parents=True, exist_ok=True)
    document = {"images": images, "annotations": annotations, "categories": categories}
    file.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")


def read_coco(file: Path, root: Path) -> list[LabelledPicture]:
    """Read COCO JSON with Whatsit's category names.

    Raises:
        InvalidInput: no such file, or a category that is no product class.
        Damaged: the file is no COCO JSON.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        rows: dict[int, list[Mapping[str, object]]] = {image["id"]: [] for image in document["images"]}
        for annotation in document["annotations"]:
            rows[annotation["image_id"]].append(annotation)
        names = {category["id"]: category["name"] for category in document["categories"]}
    except OSError as error:
        raise InvalidInput(f"The boxes {file} cannot be read: pass the path of a COCO JSON file.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{file} is not a COCO JSON file: export it again.") from error
    known = {"unknown": UNKNOWN, **{name: i for i, name in enumerate(label_names())}}
    if odd := set(names.values()) - set(known):
        raise InvalidInput(f"{file} has the category '{min(odd)}', which is none of {', '.join(known)}.")
    labels = {number: known[name] for number, name in names.items()}
    return [_picture(root / image["file_name"], rows[image["id"]], labels) for image in document["images"]]


def _picture(path: Path, rows: Sequence[Mapping[str, object]], labels: Mapping[int, int]) -> LabelledPicture:
    corners = np.array([row["bbox"] for row in rows], dtype=np.float32).reshape(-1, 4)
    corners[:, 2:] += corners[:, :2]
    crowd = np.array([bool(row.get("iscrowd", 0)) for row in rows], dtype=bool)
    label = np.array([labels[int(str(row["category_id"]))] for row in rows], dtype=np.int64)
    return LabelledPicture(path, corners[~crowd], label[~crowd], corners[crowd])


def read_names(file: Path) -> frozenset[str]:
    """The file names that a list names, one a line.

    Raises:
        InvalidInput: the list cannot be read.
    """
    try:
        return frozenset(file.read_text(encoding="utf-8").split())
    except OSError as error:
        raise InvalidInput(f"The list of held-out pictures {file} cannot be read: pass --held-out with it.") from error


_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})


def picture_files(folder: Path) -> list[str]:
    """Paths of all pictures below a folder, sorted, with `/`.

    Raises:
        InvalidInput: there are none.
    """
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
    if not files:
        raise InvalidInput(f"There are no pictures in {folder}: pass a folder of JPEG, PNG or WebP files.")
    return files
