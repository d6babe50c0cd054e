"""Labels in YOLO's text format, read as a label file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from whatsit_client.errors import Damaged, InvalidInput

from whatsit.evaluation.datasets.label_file import Box, LabelFile, Picture
from whatsit.evaluation.datasets.labelled_pictures import LabelledPicture, picture_files, read_rgb
from whatsit.models.product_labels import of_coco
from whatsit.models.yolox import COCO_NAMES


def read_yolo_folder(folder: Path, names: Sequence[str] | None = None) -> LabelFile:
    """Read `images/NAME.jpg` with `labels/NAME.txt` below a folder.

    A line is class, centre x and y, width, height; 0..1.

    Args:
        folder: holds `images` and `labels`.
        names: of the classes; None reads `classes.txt` there, one a line, or takes COCO's 80 names.

    Returns:
        Labels with paths below `folder/images`.

    Raises:
        InvalidInput: there are no pictures, or a class has no name.
        Damaged: a text file is not in this form.
    """
    listed = folder / "classes.txt"
    if names is None:
        names = listed.read_text(encoding="utf-8").split("\n") if listed.is_file() else COCO_NAMES
    pictures = []
    for file in picture_files(folder / "images"):
        height, width = read_rgb(folder / "images" / file).shape[:2]
        text = (folder / "labels" / file).with_suffix(".txt")
        try:
            lines = text.read_text(encoding="utf-8").splitlines() if text.is_file() else []
            rows = np.array([[float(v) for v in line.split()[:5]] for line in lines if line.strip()]).reshape(-1, 5)
        except ValueError as error:
            raise Damaged(f"{text} is not in YOLO's form (class, x, y, width, height): write it again.") from error
        if len(rows) and not 0 <= rows[:, 0].min() <= rows[:, 0].max() < len(names):
            raise InvalidInput(f"{text} has class {int(rows[:, 0].max())}, but only {len(names)} names are given.")
        centre, half = rows[:, 1:3], rows[:, 3:5] / 2
        corners = np.concatenate([centre - half, centre + half], axis=1) * np.array([width, height] * 2)
        boxes = tuple(Box.of_corners(c, names[int(row[0])]) for c, row in zip(corners, rows, strict=True))
        pictures.append(Picture(file, width, height, boxes))
    return LabelFile(tuple(pictures))


def read_coco_scenes(folder: Path) -> list[LabelledPicture]:
    """Read a YOLO folder of COCO's classes, such as coco128, with product labels.

    Boxes are rounded to hundredths of a pixel, the precision of COCO.

    Raises:
        InvalidInput: there are no pictures.
        Damaged: a text file is not in YOLO's format.
    """
    labels = read_yolo_folder(folder, COCO_NAMES)
    return [LabelledPicture.of(picture, folder / "images" / picture.file, of_coco) for picture in labels.pictures]
