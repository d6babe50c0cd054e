"""Detectors on few real boxes, on these with labels of crops, and on all real boxes.

python -m perf.loop.crops.train run --data ../shared/data --weights ../shared/weights --out build/runs/crops
python -m perf.loop.crops.train report --out build/runs/crops

`run` goes on where it was stopped. All start from one detector that saw no box of COCO: the ImageNet MobileNetV2 with
new heads, trained on drawn scenes.
"""

from __future__ import annotations

import argparse
import csv
import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console

from perf.loop.crops.people import crop_picture
from perf.loop.crops.scenes import read_scenes
from whatsit.catalogue.crops.weak_boxes import weak_boxes
from whatsit.evaluation.datasets.label_file import LabelFile, Picture, read_labels
from whatsit.evaluation.datasets.labelled_pictures import LabelledPicture, iterate_pictures
from whatsit.evaluation.metrics.detection_scores import class_free, evaluate_detector
from whatsit.models.detector import detector_network, for_export
from whatsit.rendering.product import make_products
from whatsit.rendering.scene import make_scene
from whatsit.training.common import run_checkpoint
from whatsit.training.common.initial_weights import begin
from whatsit.training.common.training_recipe import read_recipe
from whatsit.training.detector.custom import training_pictures
from whatsit.training.detector.data import DetectorData
from whatsit.training.detector.picture_cache import CachedPicture
from whatsit.training.detector.recipe import DetectorRecipe
from whatsit.training.detector.task import fit_detector

RECIPE = Path("build/detector-mobilenet.yaml")
ARMS = ("real30", "real30_crops70", "real100")
SEEDS = (0, 1)
SHARE = 0.3
CROPS = 10.0  # of a thing on average


def make_labels(data: Path, out: Path, seed: int) -> None:
    """Write the label files of a seed: real boxes of 30 scenes, crops of the 70 others, all real boxes."""
    scenes, held_out = read_scenes(data)
    rng = np.random.default_rng([seed, 1])
    order = rng.permutation(len(scenes))
    first = round(SHARE * len(scenes))
    real = [scenes[i] for i in order[:first]]
    weak = [_cropped(scenes[i], np.random.default_rng([seed, 2, int(i)])) for i in order[first:]]
    for name, pictures in zip(ARMS, (real, real + weak, scenes), strict=True):
        LabelFile(tuple(pictures)).write(out / f"{name}-{seed}.json")
    LabelFile(tuple(held_out)).write(out / "held_out.json")


def _cropped(scene: Picture, rng: np.random.Generator) -> Picture:
    """Return a scene with labels of simulated crops alone."""
    size = (scene.width, scene.height)
    crops = crop_picture(scene.corners(), size, CROPS, rng)
    return weak_boxes(crops.boxes, size).to_labels(scene.file, *size)


def drawn_scenes(count: int = 240) -> list[LabelledPicture]:
    """Return drawn shop scenes with their boxes."""
    products = make_products(300, 1000)
    found: list[LabelledPicture] = []
    for number in range(count):
        scene = make_scene(products, np.random.default_rng([1000, 77, number]), size=(400, 320), count=1 + number % 6)
        labels = np.zeros(len(scene.boxes), dtype=np.int64)
        found.append(CachedPicture(Path(f"{number}.jpg"), scene.boxes, labels, stored=scene.image))
    return found


def train_start(args: argparse.Namespace) -> Path | None:
    """Train the detector that all start from, or go on with it; None where it was interrupted."""
    out = args.out / "start"
    if not (out / "done").is_file():
        recipe = recipe_of(0, args.start_steps, "imagenet")
        scenes = drawn_scenes()
        data = DetectorData({"custom": scenes}, [], {"drawn": scenes[:20]})
        resume = (out / run_checkpoint.LAST).is_file()
        if not fit_detector(recipe, data, args.weights, out, resume=resume, threads=1).finished:
            return None
        (out / "done").touch()
    return Path(out / run_checkpoint.BEST)


def recipe_of(seed: int, steps: int, start: str) -> DetectorRecipe:
    """Return the recipe that all share."""
    recipe = read_recipe(RECIPE, DetectorRecipe)
    changes = {
        "seed": seed,
        "start": start,
        "epochs": 1,
        "steps_per_epoch": steps,
        "batch": 8,
        "canvas": 256,
        "sizes": (256,),
        "channels": 64,
        "frozen_blocks": 17,
        "shares": {"custom": 1.0},
        "monitor": None,
        "checkpoint_minutes": 0.5,
        "warmup_steps": 30,
    }
    return recipe.model_copy(update=changes)


def train(arm: str, seed: int, start: Path, args: argparse.Namespace) -> None:
    """Train one detector, or go on with it, and measure it on the held-out scenes."""
    out, images = args.out / f"{arm}-{seed}", args.data / "coco128" / "images"
    result = out / "scores.json"
    if result.is_file():
        return
    if not (args.out / f"{arm}-{seed}.json").is_file():
        make_labels(args.data, args.out, seed)
    pictures = training_pictures(read_labels(args.out / f"{arm}-{seed}.json"), images)
    held_out = training_pictures(read_labels(args.out / "held_out.json"), images)
    recipe = recipe_of(seed, args.steps, str(start))
    data = DetectorData({"custom": pictures}, [], {"held_out": held_out})
    console = Console(force_terminal=False)
    resume = (out / run_checkpoint.LAST).is_file()
    if fit_detector(recipe, data, args.weights, out, resume=resume, threads=1, console=console).finished:
        scores = evaluate(out / run_checkpoint.BEST, recipe, held_out)
        result.write_text(json.dumps({"arm": arm, "seed": seed, "steps": args.steps, **scores}), encoding="utf-8")
        console.print(arm, seed, scores)


def evaluate(checkpoint: Path, recipe: DetectorRecipe, pictures: list[LabelledPicture]) -> dict[str, float]:
    """Return recall of 20 boxes and AP50 at IoU 0.5, class-free."""
    network = detector_network(recipe.model_dump(), None)
    begin(network, str(checkpoint), "detector")
    detector = for_export(network, recipe.canvas).eval()

    def run(images: npt.NDArray[np.uint8]) -> tuple[Any, Any, Any]:
        with torch.no_grad():
            boxes, scores, labels = detector(torch.from_numpy(images))
        return boxes.numpy(), scores.numpy(), labels.numpy()

    scores = evaluate_detector(class_free(run, recipe.canvas), iterate_pictures(pictures))
    return {"recall": scores.recall, "recall_big": scores.recall_big, "ap50": scores.ap50, "boxes": scores.boxes}


def report(out: Path, file: Path) -> None:
    """Write the scores of all runs as a table."""
    rows = [json.loads(one.read_text(encoding="utf-8")) for one in sorted(out.glob("*/scores.json"))]
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print(row)


def main() -> None:
    """Train six detectors one after the other, or write their scores."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("what", choices=("run", "report"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--weights", type=Path, default=Path("../shared/weights"))
    parser.add_argument("--out", type=Path, default=Path("build/runs/crops"))
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--start-steps", type=int, default=200)
    args = parser.parse_args()
    if args.what == "report":
        report(args.out, Path("perf/results/crops_training.csv"))
        return
    args.out.mkdir(parents=True, exist_ok=True)
    start = train_start(args)
    if start is not None:
        for seed, arm in product(args.seeds, ARMS):
            train(arm, seed, start, args)


if __name__ == "__main__":
    main()
