"""Composites: cut-out products pasted on scenes, with exact boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from whatsit.evaluation.datasets.label_file import OBJECT, Box, LabelFile, Picture
from whatsit.evaluation.datasets.labelled_pictures import LabelledPicture
from whatsit.labelling.background_removal import NamedPicture
from whatsit.labelling.progress_log import ProgressLog
from whatsit.training.detector.copy_paste import Cutout, paste
from whatsit.training.detector.mosaic import Sample, empty, place
from whatsit.vision.boxes import FloatArray


def compose(
    products: Sequence[NamedPicture],
    scenes: Sequence[Path],
    out: Path,
    count: int,
    *,
    size: int = 640,
    seed: int = 0,
    most: int = 5,
    scene_labels: Mapping[Path, Picture] | None = None,
    track: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> LabelFile:
    """Write pictures of 1 to `most` products on scenes.

    Args:
        products: cut-outs (PNG with alpha) with their names.
        scenes: photos to paste on; things in them that carry no label are background to a trainer.
        out: the folder; picture k is `k.jpg`. An interrupted call is resumed by calling again.
        count: number of pictures.
        size: side of the square pictures in pixels.
        seed: the same seed gives the same pictures.
        most: products on a picture.
        scene_labels: boxes that scenes have already.
        track: wraps the iterable with a progress bar.

    Returns:
        The labels, in the order of the pictures.

    Raises:
        InvalidInput: `out` holds an unfinished composition with other settings.
        Damaged: a scene or a cut-out cannot be read.
    """
    known = scene_labels or {}
    used = (box.name for picture in known.values() for box in picture.boxes)
    names = list(dict.fromkeys([OBJECT, *(product.name for product in products), *used]))
    cutouts = [Cutout(product.path, names.index(product.name)) for product in products]
    settings = {
        "count": count,
        "size": size,
        "seed": seed,
        "most": most,
        "products": len(products),
        "scenes": len(scenes),
    }
    done = ProgressLog(out / "composed.jsonl", settings)
    rows = {int(entry["number"]): entry for entry in done.entries}
    for number in track([n for n in range(count) if n not in rows]):
        rng = np.random.default_rng([seed, 41, number])
        path = scenes[int(rng.integers(len(scenes)))]
        scene = LabelledPicture.of(known.get(path, Picture("", 0, 0)), path, names.index)
        sample = paste(_filled(scene, size, rng), cutouts, rng, most)
        out.mkdir(parents=True, exist_ok=True)
        pixels = cv2.cvtColor(np.ascontiguousarray(sample.pixels), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(out / f"{number:05d}.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])
        rows[number] = {"number": number, "scene": path.name, **_plain(sample)}
        done.add(rows[number])
    pictures = [
        Picture(f"{n:05d}.jpg", size, size, _boxes(rows[n], names), more={"scene": rows[n]["scene"]})
        for n in range(count)
    ]
    return LabelFile(tuple(pictures))


def _filled(scene: LabelledPicture, size: int, rng: np.random.Generator) -> Sample:
    """Return the scene on the whole canvas, scaled by up to a third beyond it."""
    scale = size / min(scene.pixels().shape[:2]) * float(rng.uniform(1.01, 1.3))
    return place(empty(size), scene, (0, 0, size, size), scale, rng)


def _plain(sample: Sample) -> dict[str, object]:
    boxes, doubtful = np.round(sample.boxes, 2).tolist(), np.round(sample.doubtful, 2).tolist()
    return {"boxes": boxes, "labels": sample.labels.tolist(), "doubtful": doubtful}


def _boxes(row: Mapping[str, list[FloatArray]], names: Sequence[str]) -> tuple[Box, ...]:
    sure = [
        Box.of_corners(corners, names[int(label)], origin="composite")
        for corners, label in zip(row["boxes"], row["labels"], strict=True)
    ]
    return (
        *sure,
        *(replace(Box.of_corners(corners, origin="composite"), doubtful=True) for corners in row["doubtful"]),
    )
