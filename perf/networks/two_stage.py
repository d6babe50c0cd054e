"""Faster R-CNN beside RetinaNet: the same backbone, data and steps; and the shipped detector in the same run.

python -m perf.networks.two_stage run --work DIR --steps 120  # two seeds; goes on where it was stopped
python -m perf.networks.two_stage report --work DIR           # perf/results/two_stage.csv

The recipes are build/detector-two-stage.yaml and build/detector-mobilenet.yaml. Training takes a part of the photos and
of the drawn scenes, so that the teacher's labels do not cost more than the training. All are measured as ONNX files:
class-free recall of 20 boxes and AP50 on the held-out scenes of coco128 and on drawn scenes of shop 2, and the CPU time
of a picture on one thread, in turn. The two trained ones are float files, the shipped one is the INT8 file.
"""

from __future__ import annotations

import csv
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from perf.common.command import DATA, Data, run_command
from perf.common.setting import RESULTS, ROOT, Setting

ARMS = {"RetinaNet": "detector-mobilenet", "Faster R-CNN": "detector-two-stage"}
CHANGES: dict[str, Any] = {
    "epochs": 1000,
    "validate_every": 1000,
    "monitor": None,
    "rendered_scenes": 200,
    "rendered_products": 200,
    "validation_scenes": 1,
}
PHOTOS = ("grocery_store/train", "grocery_store/val", "clothing_small/train", "clothing_small/validation")
COLUMNS = ("seed", "detector", "steps", "pictures", "boxes", "recall", "recall_big", "ap50", "cpu_ms")

app = typer.Typer(no_args_is_help=True)
Work = Annotated[Path, typer.Option(help="Folder of the runs; kept.")]


@app.command()
def run(
    work: Work,
    data: Data = DATA,
    weights: Annotated[Path, typer.Option(help="Folder of the ImageNet MobileNetV2.")] = DATA.parent / "weights",
    steps: Annotated[int, typer.Option(min=1, help="Of each run, of 8 pictures.")] = 120,
    seeds: Annotated[int, typer.Option(min=1)] = 2,
    every: Annotated[int, typer.Option(min=1, help="Every n-th of the photos trains.")] = 8,
    scenes: Annotated[int, typer.Option(min=1, help="Drawn scenes to measure on.")] = 40,
) -> None:
    """Train what is missing, measure each seed, and keep the figures in DIR/rows.csv."""
    held_out = frozenset((ROOT / "build" / "detector.heldout.txt").read_text(encoding="utf-8").split())
    less = _part_of_photos(data, work / "data", every)
    for seed in range(seeds):
        files = {"shipped": ROOT / "model_repository" / "detector" / "1" / "model.onnx"}
        for arm, recipe in ARMS.items():
            files[arm] = _trained(work, less, weights, recipe, seed, steps, held_out)
        if not _measured(work, seed):
            _measure(work, files, data, held_out, seed, steps, scenes)


@app.command()
def report(work: Work) -> None:
    """Write the figures of DIR/rows.csv as perf/results/two_stage.csv."""
    with (work / "rows.csv").open(newline="", encoding="utf-8") as lines:
        rows: list[list[object]] = [list(line) for line in csv.reader(lines)]
    Setting.of_this_machine("perf.networks.two_stage").write(RESULTS / "two_stage.csv", COLUMNS, rows)


def _part_of_photos(data: Path, folder: Path, every: int) -> Path:
    """Link every n-th photo into a folder of the same layout."""
    if not (folder / "coco128").exists():
        for name in PHOTOS:
            for file in sorted((data / name).rglob("*.jpg"))[::every]:
                _link(file, folder / file.relative_to(data))
        for file in sorted((data / "imagenet_sample").glob("*.jpg"))[::every]:
            _link(file, folder / file.relative_to(data))
        _link(data / "coco128", folder / "coco128")
    return folder


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.symlink_to(source.resolve())


def _trained(work: Path, data: Path, weights: Path, name: str, seed: int, steps: int, held_out: frozenset[str]) -> Path:
    """Train a detector, or go on with its run; return its ONNX file."""
    from rich.console import Console

    from whatsit.engines.export import export_onnx
    from whatsit.engines.trained_networks import load_network
    from whatsit.training.common.training_recipe import read_recipe
    from whatsit.training.detector.data import load_detector_data
    from whatsit.training.detector.recipe import DetectorRecipe
    from whatsit.training.detector.task import fit_detector

    out = work / f"{name}-{seed}"
    file = out / "float.onnx"
    if not file.exists():
        recipe = read_recipe(ROOT / "build" / f"{name}.yaml", DetectorRecipe).model_copy(
            update={**CHANGES, "seed": seed}
        )
        pictures = load_detector_data(data, weights, held_out, work / "labels", recipe, Console(stderr=True))
        there = (out / "last.pt").exists()
        if not fit_detector(recipe, pictures, weights, out, resume=there, max_steps=steps, threads=1).finished:
            raise KeyboardInterrupt
        network = load_network("detector", out / "best.pt")
        export_onnx(network.module, file, network.size, network.outputs, batches=())
    return file


def _measured(work: Path, seed: int) -> bool:
    file = work / "rows.csv"
    if not file.exists():
        return False
    with file.open(newline="", encoding="utf-8") as lines:
        return any(line[0] == str(seed) for line in csv.reader(lines))


def _measure(
    work: Path, files: Mapping[str, Path], data: Path, held_out: frozenset[str], seed: int, steps: int, scenes: int
) -> None:
    from whatsit.engines.onnx_runner import OnnxRunner
    from whatsit.evaluation.reports import detector_report

    runners = {name: OnnxRunner(file, 1) for name, file in files.items()}
    finders = {name: detector_report.detector_finder(runner.run) for name, runner in runners.items()}
    sets = {
        "coco128 held out": lambda: detector_report.coco_scenes(data, held_out),
        "rendered shop 2": lambda: detector_report.shop_scenes(scenes=scenes),
    }
    scores = detector_report.compare(finders, sets)
    spent = _cpu_ms(runners)
    with (work / "rows.csv").open("a", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        for name, row in scores.items():
            for finder, score in row.items():
                figures = [f"{value:.4f}" for value in (score.recall, score.recall_big, score.ap50)]
                trained = "" if finder == "shipped" else steps
                cells = [seed, finder, trained, name, score.boxes, *figures, f"{spent[finder]:.1f}"]
                writer.writerow(cells)
                print(*cells, flush=True)


def _cpu_ms(runners: Mapping[str, Any], repeats: int = 15) -> dict[str, float]:
    """Return the median CPU milliseconds of one picture for each detector, run in turn."""
    image = np.random.default_rng(0).integers(0, 256, (1, 3, 416, 416)).astype(np.uint8)
    spent: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(repeats):
        for name, runner in runners.items():
            begin = time.process_time()
            runner.run({"images": image})
            spent[name].append(1000 * (time.process_time() - begin))
    return {name: statistics.median(values[2:]) for name, values in spent.items()}


if __name__ == "__main__":
    run_command(app)
