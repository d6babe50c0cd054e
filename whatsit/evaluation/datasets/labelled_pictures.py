"""Pictures with boxes, as the detector's training and evaluation read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged, InvalidInput

from whatsit.evaluation.datasets.label_file import Box, LabelFile, Picture, read_labels
from whatsit.models.product_labels import UNKNOWN, label_names
from whatsit.vision.boxes import FloatArray

Pixels = npt.NDArray[np.uint8]
_UNKNOWN_NAME = "unknown"


def _no_boxes() -> FloatArray:
    return np.zeros((0, 4), dtype=np.float32)


@dataclass(frozen=True)
class LabelledPicture:
    """A picture file with boxes and labels.

    Args:
        path: of the picture.
        boxes: float32 [N, 4], x1,y1,x2,y2 in pixels.
        labels: int64 [N], product label 1.., `NO_PRODUCT` or `UNKNOWN`.
        doubtful: float32 [D, 4], boxes of uncertain objects.
        weights: float32 [N], of the boxes in training; None for 1 each.
        background: weight in training of the places without a box.
    """

    path: Path
    boxes: FloatArray
    labels: npt.NDArray[np.int64]
    doubtful: FloatArray = field(default_factory=_no_boxes)
    weights: FloatArray | None = None
    background: float = 1.0

    @classmethod
    def of(cls, picture: Picture, path: Path, label_of: Callable[[str], int]) -> LabelledPicture:
        """Convert a picture of a label file.

        Args:
            picture: with its boxes.
            path: of the picture file.
            label_of: returns the label of a box's name.
        """
        sure = [box for box in picture.boxes if not box.doubtful]
        labels = np.array([label_of(box.name) for box in sure], dtype=np.int64)
        weights = np.array([box.weight for box in sure], dtype=np.float32)
        return cls(path, picture.corners(), labels, picture.corners(doubtful=True), weights, picture.background)

    def box_weights(self) -> FloatArray:
        """Return the weights of the boxes in training, float32 [N]."""
        return np.ones(len(self.boxes), dtype=np.float32) if self.weights is None else self.weights

    def pixels(self) -> Pixels:
        """Return the picture, RGB uint8 [H, W, 3].

        Raises:
            Damaged: the file cannot be read.
        """
        return read_rgb(self.path)


def iterate_pictures(pictures: Iterable[LabelledPicture]) -> Iterator[tuple[Pixels, FloatArray]]:
    """Return pixels and boxes of each picture, read one by one."""
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


def write_coco(file: Path, root: Path, pictures: Iterable[LabelledPicture]) -> None:
    """Write boxes as COCO JSON with paths relative to `root`.

    `NO_PRODUCT` is named "object", `UNKNOWN` "unknown"; doubtful boxes carry `iscrowd: 1`.
    """
    names = {UNKNOWN: _UNKNOWN_NAME, **dict(enumerate(label_names()))}
    labelled = []
    for picture in pictures:
        boxes = [Box.of_corners(c, names[int(label)]) for c, label in zip(picture.boxes, picture.labels, strict=True)]
        boxes += [Box.of_corners(corners, _UNKNOWN_NAME, doubtful=True) for corners in picture.doubtful]
        labelled.append(Picture(picture.path.relative_to(root).as_posix(), 0, 0, tuple(boxes)))
    LabelFile(tuple(labelled)).write(file)


def read_coco(file: Path, root: Path) -> list[LabelledPicture]:
    """Read COCO JSON whose category names are Whatsit's.

    Raises:
        InvalidInput: no such file, or a category that is no product class.
        Damaged: the file is no COCO JSON.
    """
    labels = read_labels(file)
    known = {_UNKNOWN_NAME: UNKNOWN, **{name: i for i, name in enumerate(label_names())}}
    if odd := {str(category["name"]) for category in labels.categories} - set(known):
        raise InvalidInput(f"{file} has the category '{min(odd)}', which is none of {', '.join(known)}.")
    return [LabelledPicture.of(picture, root / picture.file, known.__getitem__) for picture in labels.pictures]


def read_names(file: Path) -> frozenset[str]:
    """Return the file names of a list, one a line.

    Raises:
        InvalidInput: the list cannot be read.
    """
    try:
        return frozenset(file.read_text(encoding="utf-8").split())
    except OSError as error:
        raise InvalidInput(f"The list of held-out pictures {file} cannot be read: pass --held-out with it.") from error


_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})


def picture_files(folder: Path) -> list[str]:
    """Return the paths of all pictures below a folder, sorted, with `/`.

    Raises:
        InvalidInput: there are none.
    """
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
    if not files:
        raise InvalidInput(f"There are no pictures in {folder}: pass a folder of JPEG, PNG or WebP files.")
    return files
