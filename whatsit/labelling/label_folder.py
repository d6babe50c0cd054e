"""Labelling of a folder of photos, one after another, with resume."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged

from whatsit.evaluation.datasets.label_file import Box, LabelFile, Picture
from whatsit.evaluation.datasets.labelled_pictures import read_rgb
from whatsit.labelling.progress_log import ProgressLog

Pixels = npt.NDArray[np.uint8]
FindBoxes = Callable[[str, Pixels], Sequence[Box]]
"""The picture's path below the folder, RGB uint8 [H, W, 3] -> boxes."""


def label_pictures(
    folder: Path,
    files: Sequence[str],
    find_boxes: FindBoxes,
    journal: Path,
    settings: Mapping[str, Any],
    track: Callable[[Sequence[str]], Iterable[str]] = iter,
    on_unreadable: Callable[[str], None] = lambda file: None,
) -> LabelFile:
    """Label pictures; those in the log of an interrupted run are skipped.

    Args:
        folder: that `files` are below.
        files: the pictures.
        find_boxes: finds boxes.
        journal: progress log; the caller deletes it once the result is written.
        settings: everything that `find_boxes` depends on.
        track: wraps the iterable with a progress bar.
        on_unreadable: called with each file that is no picture; it is left out of the result.

    Raises:
        InvalidInput: the journal is of other settings.
    """
    done = ProgressLog(journal, settings)
    rows = {entry["file"]: entry for entry in done.entries}
    for file in track([file for file in files if file not in rows]):
        try:
            pixels = read_rgb(folder / file)
        except Damaged:
            rows[file] = {"file": file, "unreadable": True}
        else:
            height, width = pixels.shape[:2]
            boxes = [_plain(box) for box in find_boxes(file, pixels)]
            rows[file] = {"file": file, "width": width, "height": height, "boxes": boxes}
        done.add(rows[file])
    for file in files:
        if rows[file].get("unreadable"):
            on_unreadable(file)
    found = (rows[file] for file in files if not rows[file].get("unreadable"))
    return LabelFile(
        tuple(
            Picture(row["file"], row["width"], row["height"], tuple(Box(**box) for box in row["boxes"]))
            for row in found
        )
    )


def _plain(box: Box) -> dict[str, Any]:
    """Return the box's fields without those of default value."""
    plain = Box(0, 0, 0, 0)
    sides = {"x", "y", "width", "height"}
    return {key: value for key, value in asdict(box).items() if key in sides or value != getattr(plain, key)}
