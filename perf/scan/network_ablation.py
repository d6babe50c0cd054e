"""What kernel, deformable block, stride and size give the scan network, and cost.

python -m perf.scan.network_ablation train --cache build/runs/scan/data  # a line a run, goes on where it stopped
python -m perf.scan.network_ablation speed  # milliseconds of each variant, in turn

Each run trains the new parts alone (fusion, large kernels, heads) from the same start, for the same few steps on the
same pictures; backbone, pyramid and towers stay YOLOX-nano's, and what they make of the pictures is computed once.
Scored on training's validation pictures: 20 scenes of coco128, 50 photos, 72 groceries and garments (boxes by the
shipped detector), 60 drawn scenes.
"""

from __future__ import annotations

import csv
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.console import Console
from torch import Tensor

from perf.common.command import DATA, Data, Table, run_command
from perf.common.setting import RESULTS, ROOT, Setting
from perf.common.tables import read_rows
from whatsit.engines.export_ncnn import export_ncnn
from whatsit.engines.ncnn_runner import NcnnRunner
from whatsit.evaluation.datasets.labelled_pictures import read_names
from whatsit.models.centernet import CenterNet, CenterNetForExport, Features
from whatsit.training.common.loop import fit
from whatsit.training.common.run_training import prepare
from whatsit.training.common.training_recipe import read_recipe
from whatsit.training.detector.centernet_recipe import ScanRecipe
from whatsit.training.detector.centernet_task import Batch, ScanTask, as_batch, load_scan_data
from whatsit.training.detector.data import DetectorData
from whatsit.training.detector.losses.heat_map_loss import CenterBatch, center_loss

app = typer.Typer(help=__doc__)
VARIANTS: dict[str, dict[str, Any]] = {
    "kernel 7, stride 8, 256 px": {},
    "kernel 3": {"kernel": 3},
    "kernel 13": {"kernel": 13},
    "deformable": {"deformable": True},
    "stride 4": {"stride": 4},
    "320 px": {"canvas": 320, "sizes": (320,)},
}
SCORES = ("recall", "recall_scenes", "big_scenes", "recall_products", "big_products", "recall_photos", "recall_shop")
COLUMNS = ("variant", "seed", "steps", "batch", *SCORES, "ap50_scenes", "ap50_products", "minutes")


class Cached:
    """Pictures of training at one size, and what the frozen parts make of them.

    Args:
        recipe: its size and seed 0 decide the pictures.
        content: of `load_scan_data`.
        weights: the folder of the start.
        batches: how many, of `recipe.batch` pictures.
    """

    def __init__(self, recipe: ScanRecipe, content: DetectorData, weights: Path, batches: int) -> None:
        network = CenterNet(stride=4, start=weights).eval()
        task = ScanTask(recipe, network, content.sources, content.cutouts, {})
        rng = np.random.default_rng(0)
        self.samples = [[task.mixture.sample(recipe.canvas, rng) for _ in range(recipe.batch)] for _ in range(batches)]
        self.features: list[Features] = []
        with torch.no_grad():
            for samples in self.samples:
                self.features.append(network.look(as_batch(samples, 8)[0] / 255))


class FrozenTask(ScanTask):
    """Training of the new parts alone, on cached features."""

    def __init__(self, recipe: ScanRecipe, network: CenterNet, content: DetectorData, cached: Cached) -> None:
        super().__init__(recipe, network, content.sources, [], content.validation)
        self.cached = cached
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(not network.learnt(name))

    def batches(self, epoch: int, start: int) -> Iterator[Batch]:
        """Return numbers of cached batches, in an order of the seed."""
        rng, count = np.random.default_rng(self.recipe.seed), len(self.cached.features)
        order = np.concatenate([rng.permutation(count) for _ in range(-(-self.steps_per_epoch // count))])
        for number in order[start : self.steps_per_epoch]:
            yield torch.tensor(int(number)), as_batch(self.cached.samples[number], self.recipe.stride)[1]

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of a cached batch, and its parts."""
        stems, towers, fine = self.cached.features[int(batch[0])]
        output = self.network.decide(stems, towers, fine if self.network.stride == 4 else None)
        parts = center_loss(output, CenterBatch(*batch[1]))
        return torch.stack(list(parts.values())).sum(), {name: float(part.detach()) for name, part in parts.items()}


def variant(name: str, seed: int, steps: int, batch: int) -> ScanRecipe:
    """Return the recipe of a variant."""
    recipe = read_recipe(ROOT / "build" / "scan.yaml", ScanRecipe)
    base = {"canvas": 256, "sizes": (256,), "warmup_steps": 20, "ema_decay": 0.98, "head_rate": 0.001, "blend": 1.0}
    run = {"seed": seed, "epochs": 1, "steps_per_epoch": steps, "batch": batch, "validate_every": 1}
    return recipe.model_copy(update={**base, **run, **VARIANTS[name]})


@app.command()
def train(
    cache: Annotated[Path, typer.Option(help="`data` folder of a run of `whatsit train scan`.")],
    steps: Annotated[int, typer.Option(help="Steps of each run.")] = 300,
    batch: Annotated[int, typer.Option(help="Pictures a step.")] = 8,
    batches: Annotated[int, typer.Option(help="Different batches.")] = 60,
    seeds: Annotated[int, typer.Option(help="Runs of each variant.")] = 2,
    data: Data = DATA,
    out: Table = RESULTS / "scan_ablation.csv",
) -> None:
    """Train what is not in the CSV yet; a line is added after each run."""
    setting = Setting.of_this_machine("perf.scan.network_ablation")
    done = {(row["variant"], row["seed"]) for row in read_rows(out)}
    todo = [(n, s) for s in range(seeds) for n in VARIANTS if (n, str(s)) not in done]
    console, weights = Console(quiet=True), data.parent / "weights"
    held_out, cached = read_names(ROOT / "build" / "detector.heldout.txt"), dict[int, Cached]()
    if not out.is_file():
        setting.write(out, COLUMNS, [])
    for name, seed in todo:
        recipe = variant(name, seed, steps, batch)
        prepare(seed, threads=1)
        content = load_scan_data(recipe, data, weights, held_out, cache, console)
        if recipe.canvas not in cached:
            cached[recipe.canvas] = Cached(recipe, content, weights, batches)
        prepare(seed, threads=1)
        network = CenterNet.from_recipe(recipe.model_dump(), weights)
        with tempfile.TemporaryDirectory(prefix="whatsit-") as folder:
            task = FrozenTask(recipe, network, content, cached[recipe.canvas])
            result = fit(task, recipe, Path(folder) / "run", console=console).history[-1]
        scores = [f"{result[key]:.4f}" for key in (*SCORES, "ap50_scenes", "ap50_products")]
        row = [name, seed, steps, batch, *scores, f"{result['minutes']:.2f}"]
        with out.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerow([*setting.values(), *row])
        print(*row, sep="  ", flush=True)


@app.command()
def speed(
    repeats: Annotated[int, typer.Option(help="Runs of each variant that count.")] = 40,
    out: Table = RESULTS / "scan_ablation_ms.csv",
) -> None:
    """Measure ncnn (fp16 files) on one thread, the variants in turn."""
    setting = Setting.of_this_machine("perf.scan.network_ablation")
    spent: dict[str, list[float]] = {name: [] for name in VARIANTS}
    parameters, runners, pictures = {}, {}, {}
    with tempfile.TemporaryDirectory(prefix="whatsit-") as folder:
        for number, name in enumerate(VARIANTS):
            recipe = variant(name, 0, 1, 1)
            torch.manual_seed(0)
            network = CenterNet.from_recipe(recipe.model_dump())
            parameters[name] = sum(part.numel() for part in network.parameters())
            path = Path(folder) / f"{number}.param"
            outputs, size = CenterNetForExport.output_names, (3, recipe.canvas, recipe.canvas)
            export_ncnn(CenterNetForExport(network, pixels=False), 320, outputs).write(path, "fp16")
            runners[name] = NcnnRunner(path, outputs)
            pictures[name] = np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)
        for repeat in range(-3, repeats):
            for name, runner in runners.items():
                start = time.perf_counter()
                runner.run_one(pictures[name])
                if repeat >= 0:
                    spent[name].append(1000 * (time.perf_counter() - start))
    rows = [
        [name, parameters[name], f"{statistics.median(ms):.1f}", f"{min(ms):.1f}", repeats]
        for name, ms in spent.items()
    ]
    for row in rows:
        print(*row, sep="  ")
    setting.write(out, ("variant", "parameters", "ms_median", "ms_min", "repeats"), rows)


if __name__ == "__main__":
    run_command(app)
