"""Scenes of coco128: those that everything is fitted on, and the 28 that only measure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from whatsit.evaluation.datasets.label_file import Picture
from whatsit.evaluation.datasets.labelled_pictures import read_names
from whatsit.evaluation.datasets.yolo_labels import read_yolo_folder
from whatsit.models.yolox import COCO_NAMES
from whatsit.vision.box_clusters import BoxCluster
from whatsit.vision.boxes import FloatArray, iou

HELD_OUT = Path("build/detector.heldout.txt")
RIGHT = 0.5


def read_scenes(data: Path) -> tuple[list[Picture], list[Picture]]:
    """Return the 100 scenes that may train and the 28 that are held out, with their boxes."""
    held_out = read_names(HELD_OUT)
    pictures = read_yolo_folder(data / "coco128", COCO_NAMES).pictures
    return [p for p in pictures if p.file not in held_out], [p for p in pictures if p.file in held_out]


def boxes_of(clusters: list[BoxCluster]) -> FloatArray:
    """Return the boxes of clusters, float32 [K, 4]."""
    return np.array([one.box for one in clusters], dtype=np.float32).reshape(-1, 4)


def matches(found: FloatArray, truth: FloatArray) -> npt.NDArray[np.int64]:
    """Return for each found box, best first, the free true box that it overlaps by 0.5, or -1."""
    overlap = iou(found.reshape(-1, 4), truth)
    matched = np.full(len(found), -1, dtype=np.int64)
    for row in range(len(found)):
        if overlap.shape[1] and overlap[row].max() >= RIGHT:
            matched[row] = overlap[row].argmax()
            overlap[:, matched[row]] = -1
    return matched
