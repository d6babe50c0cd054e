"""Pictures from other sources on which the classifier's gate is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from whatsit.evaluation.datasets.classifier_sets import Classify, EvaluationSet, FloatArray, gate_scores
from whatsit.evaluation.datasets.grocery import evenly_spread
from whatsit.evaluation.datasets.labelled_pictures import read_rgb
from whatsit.evaluation.datasets.yolo_labels import read_yolo_folder
from whatsit.evaluation.metrics.classification import auc
from whatsit.models.yolox import COCO_NAMES
from whatsit.vision.crop import crop_resize

FOOD = frozenset(COCO_NAMES[COCO_NAMES.index("bottle") : COCO_NAMES.index("cake") + 1])
"""COCO's tableware and food."""
PEOPLE = frozenset({"person"})
FOOD_SHARE, PEOPLE_SHARE = 0.1, 0.3
"""Least share of the picture that their boxes cover, overlaps counted twice."""
_MOST = 200


@dataclass(frozen=True)
class GateSet:
    """Pictures of one row.

    Args:
        name: such as "bsds500".
        files: the pictures.
        strangers: whether they show nothing that a catalogue holds.
    """

    name: str
    files: Sequence[Path]
    strangers: bool = False


@dataclass(frozen=True)
class GateRow:
    """Figures of one set.

    Args:
        name: of the set.
        pictures: their number.
        passed: share for which the gate is open, 0..1.
        auc: of goods against these strangers; None for other sets.
    """

    name: str
    pictures: int
    passed: float
    auc: float | None


def gate_sets(data: Path, held_out: frozenset[str] = frozenset()) -> list[GateSet]:
    """Return the sets whose folders are there.

    Args:
        data: the folder that may hold coco128, bsds500, ikea and trashnet.
        held_out: names of coco128 pictures that make a row of their own.
    """
    found = []
    if (data / "coco128" / "images").is_dir():
        food = _coco(data / "coco128", FOOD, FOOD_SHARE, frozenset())
        found.append(GateSet("coco128, food and tableware", food))
        found.append(GateSet("the same, held-out scenes", [file for file in food if file.name in held_out]))
        found.append(GateSet("coco128, people", _coco(data / "coco128", PEOPLE, PEOPLE_SHARE, FOOD)))
    for name, pattern, strangers in (("bsds500", "*", True), ("ikea", "room_*", False), ("trashnet", "*", False)):
        files = sorted((data / name / "images").rglob(f"{pattern}.jpg"))
        found.append(GateSet(name if pattern == "*" else f"{name}, rooms", evenly_spread(files, _MOST), strangers))
    return [one for one in found if one.files]


def measure_gate(
    classify: Classify,
    sets: Sequence[GateSet],
    found: Mapping[str, Mapping[str, FloatArray]],
    known: Sequence[EvaluationSet],
) -> list[GateRow]:
    """Run a classifier over the sets.

    Args:
        classify: the classifier.
        sets: of `gate_sets`.
        found: its outputs on `known`, whose goods the strangers are set against.
        known: of `evaluation_sets`.
    """
    scores, goods = gate_scores(found, known)
    rows = []
    for one in sets:
        intents = np.concatenate([classify(crop_resize(read_rgb(file))[None])["intent"] for file in one.files])
        wanted = 1 - intents[:, -1]
        both, truth = np.concatenate([scores[goods], wanted]), np.arange(goods.sum() + len(wanted)) < goods.sum()
        passed = float((intents.argmax(axis=1) != intents.shape[1] - 1).mean())
        rows.append(GateRow(one.name, len(one.files), passed, auc(both, truth) if one.strangers else None))
    return rows


def _coco(folder: Path, names: frozenset[str], share: float, without: frozenset[str]) -> list[Path]:
    """Return the scenes where boxes of some names cover a share.

    Scenes with a box of `without` are left out.
    """
    files = []
    for picture in read_yolo_folder(folder, COCO_NAMES).pictures:
        covered = sum(box.width * box.height for box in picture.boxes if box.name in names)
        apart = not any(box.name in without for box in picture.boxes)
        if apart and covered >= share * picture.width * picture.height:
            files.append(folder / "images" / picture.file)
    return files
