"""Recall of the scan network beside the server's detector and its start.

python -m perf.scan.network_quality  # writes perf/results/scan_quality.csv, line by line
python -m perf.scan.network_quality --append  # goes on where it stopped

Scenes: the 28 held-out pictures of coco128 and drawn scenes of shop 2, class-free, as `whatsit evaluate detector` has
it. The main thing: on grocery and clothing validation photos, the box of a teacher (YOLOX-nano) with the largest score
times root of area; photos without one whose sides are over 10 % of the picture's are left out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from whatsit_client.errors import InvalidInput

from perf.common.command import DATA, Data, Table, run_command
from perf.common.setting import RESULTS, ROOT, Setting
from perf.common.tables import read_rows
from perf.scan.detectors import FILES, MODELS, SERVER, SERVER_320, YOLOX, Finder, open_finders
from whatsit.evaluation.datasets.labelled_pictures import read_names, read_rgb
from whatsit.evaluation.metrics.detection_scores import evaluate_detector
from whatsit.evaluation.reports.detector_report import coco_scenes, shop_scenes
from whatsit.evaluation.reports.scan_report import MainThing, main_box
from whatsit.vision.boxes import FloatArray

COLUMNS = ("detector", "side", "set", "pictures", "boxes", "recall", "recall_big", "ap50", "main_found", "main_first")
NAMES = [*FILES, SERVER, SERVER_320, YOLOX]
_TEACHER_SCORE, _BIG = 0.2, 0.1


def main_things(paths: list[Path], teacher: Finder) -> Iterator[tuple[Any, FloatArray]]:
    """Return each photo that has a main thing, and the thing's box f32 [4]."""
    for path in paths:
        pixels = read_rgb(path)
        boxes, scores = teacher(pixels)
        sure = scores >= _TEACHER_SCORE
        height, width = pixels.shape[:2]
        best = main_box(boxes[sure], scores[sure])
        if best is None:
            continue
        box = boxes[sure][best]
        if ((box[2:] - box[:2]) > _BIG * np.array([width, height])).all():
            yield pixels, box


def main(
    detectors: Annotated[list[str], typer.Option(help="One of them, may be repeated; default: all.")] = NAMES,
    side: Annotated[int, typer.Option(help="Longer side of the scan network's pictures.")] = 384,
    scenes: Annotated[int, typer.Option(help="Drawn scenes.")] = 128,
    models: Annotated[Path, typer.Option(help="Folder of the scan network's files.")] = MODELS,
    append: Annotated[bool, typer.Option("--append", help="Add the lines that the CSV lacks.")] = False,
    data: Data = DATA,
    out: Table = RESULTS / "scan_quality.csv",
) -> None:
    """Measure, print and write the CSV."""
    setting = Setting.of_this_machine("perf.scan.network_quality")
    if unknown := [name for name in detectors if name not in NAMES]:
        raise InvalidInput(f"There is no detector {unknown[0]}; choose of {'; '.join(NAMES)}.")
    names = list(detectors)
    held_out = read_names(ROOT / "build" / "detector.heldout.txt")
    photos = {
        "grocery": sorted((data / "grocery_store" / "val").rglob("*.jpg")),
        "clothing": sorted((data / "clothing_small" / "validation").rglob("*.jpg")),
    }
    if not append or not out.is_file():
        setting.write(out, COLUMNS, [])
    done = {(row["detector"], row["side"], row["set"]) for row in read_rows(out)}

    def is_done(name: str, title: str) -> bool:
        return (name, str(side), title) in done

    def add(*row: object) -> None:
        shown = [f"{x:.4f}" if isinstance(x, float) else x for x in row]
        with out.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerow([*setting.values(), *shown])
        print(*shown, sep="  ", flush=True)

    with open_finders([*names, YOLOX], data.parent / "weights", side, models) as finders:
        sets = {
            "coco128, 28 held out": list(coco_scenes(data, held_out)),
            f"shop 2, {scenes} drawn": list(shop_scenes(scenes=scenes)),
        }
        for title, pictures in sets.items():
            for name in [name for name in names if not is_done(name, title)]:
                got = evaluate_detector(finders[name], iter(pictures))
                add(name, side, title, len(pictures), got.boxes, got.recall, got.recall_big, got.ap50, "", "")
        for title, paths in photos.items():
            missing = [name for name in names if not is_done(name, f"{title}, main thing")]
            truth = list(main_things(paths, finders[YOLOX])) if missing else []
            for name in missing:
                thing = MainThing()
                for pixels, box in truth:
                    thing.add(box, finders[name](pixels))
                add(name, side, f"{title}, main thing", len(truth), len(truth), "", "", "", thing.found, thing.first)


if __name__ == "__main__":
    run_command(main)
