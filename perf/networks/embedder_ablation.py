"""Train the embedder for each switch and seed, and measure recall.

python -m perf.networks.embedder_ablation  # every row; goes on where an interrupted run stopped
python -m perf.networks.embedder_ablation --only base,triplet  # some rows
python -m perf.networks.embedder_ablation --summary-only  # means, spreads and verdicts of the rows that are there

The base is small, so that a run takes two to four minutes on one CPU thread. Nothing is measured on val: "seen" are the
last photos of each class in training, "unseen" all photos of 16 classes that are left out, both against shop images;
"rendered" are crops of drawn scenes against the catalogue of a shop that is never trained on.
"""

from __future__ import annotations

import csv
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

from perf.common.command import DATA, Data, Table, run_command
from perf.common.setting import RESULTS
from perf.common.tables import read_rows

os.environ.setdefault("OMP_NUM_THREADS", "1")

import rich.table
import torch
import typer
from rich.console import Console

from whatsit.evaluation.datasets.rendered_shop import RenderedShop
from whatsit.evaluation.metrics.recall import recall_at_k
from whatsit.models.embedder import Embedder
from whatsit.training.common.loop import fit
from whatsit.training.common.run_training import prepare
from whatsit.training.embedder.data import GroceryParts
from whatsit.training.embedder.embed_batch import embed
from whatsit.training.embedder.picture_sources import PictureSource
from whatsit.training.embedder.recipe import EmbedderRecipe
from whatsit.training.embedder.task import WEIGHTS, EmbedderTask
from whatsit.vision.crop import crop_resize

FIGURES = ("seen_r1", "unseen_r1", "rendered_r1")
COLUMNS = ["switch", "seed", *FIGURES, *(f"{f}_spread" for f in FIGURES), "cpu_seconds", "kept", "why"]

UNSEEN = tuple(label for label in range(81) if label % 5 == 2)
"""Classes that no row trains on; other ones than the final figures on unseen products are measured on."""

BASE: dict[str, Any] = {
    "size": 128, "batch": 32, "epochs": 2, "validate_every": 2, "warmup_steps": 20, "frozen_blocks": 13,
    "class_loss": "cosface", "margin": 0.1, "scale": 20, "rendered_products": 400, "held_out_classes": UNSEEN,
    "held_out_photos": 0.5, "ema_decay": 0.98, "checkpoint_minutes": 1000,
    "shares": {"photos": 0.44, "shop": 0.16, "clothing": 0.06, "scenes": 0.12, "rendered": 0.24},
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One row.

    Args:
        changes: fields of the recipe that differ from the base.
        against: the row that it is compared with.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    against: str = "base"


TASKS = ("category", "department", "viewpoint")

ROWS: dict[str, Row] = {
    "base": Row(),
    "softmax": Row({"class_loss": "softmax"}),
    "arcface": Row({"class_loss": "arcface"}),
    "sphereface": Row({"class_loss": "sphereface", "margin": 2}),
    "contrastive": Row({"pair_loss": "contrastive"}),
    "triplet": Row({"pair_loss": "triplet"}),
    "lifted structure": Row({"pair_loss": "lifted_structure"}),
    "supcon": Row({"pair_loss": "supcon"}),
    "multi-similarity": Row({"pair_loss": "multi_similarity"}),
    "channel attention": Row({"attention": "channel"}),
    "spatial attention": Row({"attention": "spatial"}),
    "both attentions": Row({"attention": "both"}),
    "tasks, equal": Row({"tasks": TASKS}),
    "tasks, trend": Row({"tasks": TASKS, "task_weighting": "trend", "task_interval": 25}),
    "mining": Row({"mining": "layered_dbscan"}),
    "mining with triplet": Row({"mining": "layered_dbscan", "pair_loss": "triplet"}, against="triplet"),
    "erasing, random": Row({"erasing": "random"}),
    "erasing, bernoulli": Row({"erasing": "bernoulli"}),
    "erasing, adversarial": Row({"erasing": "adversarial"}),
    "mutual learning": Row({"mutual": "mobilenet_v2", "mutual_size": 160}),
}


def main(
    data: Data = DATA,
    weights: Annotated[Path, typer.Option(help="Folder that holds the starting weights.")] = DATA.parent / "weights",
    out: Table = RESULTS / "embedder_switches.csv",
    only: Annotated[str, typer.Option(help="Rows to run, a comma list; all by default.")] = "",
    seeds: Annotated[str, typer.Option(help="Seeds, a comma list.")] = "0,1",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    summary_only: Annotated[bool, typer.Option("--summary-only", help="Train nothing.")] = False,
) -> None:
    """Train and measure what the CSV lacks, then write the summary below."""
    console = prepare(0, threads=threads)
    done = read(out)
    names = only.split(",") if only else list(ROWS)
    todo = [(name, int(seed)) for name in names for seed in seeds.split(",")]
    todo = [] if summary_only else [row for row in todo if row not in done]
    started = time.monotonic()
    measured_on: Measure | None = None
    for number, (name, seed) in enumerate(todo):
        recipe = EmbedderRecipe(**{**BASE, **ROWS[name].changes, "seed": seed})
        task = EmbedderTask(recipe, data, weights / WEIGHTS)
        assert task.parts is not None
        measured_on = measured_on or Measure(task.parts, recipe.size)
        task.validation = measured_on  # type: ignore[assignment]  # the same pictures for every row, prepared once
        began = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            task.start(Console(quiet=True))
            figures = fit(task, recipe, Path(folder), console=Console(quiet=True)).history[-1]
        row = {figure: f"{figures[figure]:.4f}" for figure in FIGURES}
        done[name, seed] = {**row, "cpu_seconds": f"{time.process_time() - began:.0f}"}
        write(out, done)
        left = (time.monotonic() - started) / (number + 1) * (len(todo) - number - 1)
        shown = "  ".join(f"{key} {value}" for key, value in done[name, seed].items())
        console.print(f"{number + 1}/{len(todo)}  {name} seed {seed}  {shown}  about {left / 60:.0f} min left")
    write(out, done)
    show(out)


class Measure:
    """What every row is measured on, at the size that it trained at, prepared once."""

    def __init__(self, parts: GroceryParts, size: int) -> None:
        shop = RenderedShop(products=150, seed=500, scenes=40)
        shop.check()
        self._size = size
        crops = torch.stack([torch.from_numpy(crop_resize(image, box, size)) for image, box in shop.queries()])
        pictures = torch.stack([torch.from_numpy(crop_resize(image, size=size)) for image in shop.gallery()])
        self._rendered = (crops, pictures, shop.truth(), list(range(len(pictures))))
        gallery, labels = self._pictures(parts.shop), parts.shop.labels
        self._sets = {}
        for name, photos in (("seen_r1", parts.held_out), ("unseen_r1", parts.unseen)):
            among = [i for i, label in enumerate(labels) if name == "seen_r1" or label in set(photos.labels.tolist())]
            self._sets[name] = (self._pictures(photos), gallery[among], photos.labels, labels[among])
        self._sets["rendered_r1"] = self._rendered  # type: ignore[assignment]  # lists are labels too

    def measure(self, network: Embedder) -> dict[str, float]:
        """Return recall@1 of each set."""
        figures = {}
        for name, (queries, gallery, query_labels, gallery_labels) in self._sets.items():
            device = network.head.weight.device
            query, items = (embed(network, (p.numpy() for p in part), device).numpy() for part in (queries, gallery))
            figures[name] = recall_at_k(query, items, query_labels, gallery_labels, ks=(1,))[1]
        return figures

    def _pictures(self, source: PictureSource) -> torch.Tensor:
        return torch.stack([torch.from_numpy(source.plain(i, self._size)) for i in range(len(source.labels))])


def read(path: Path) -> dict[tuple[str, int], dict[str, str]]:
    """Return the figures in a file by switch and seed."""
    rows = [row for row in read_rows(path) if row["seed"].isdigit() and row["switch"] in ROWS]
    return {(row["switch"], int(row["seed"])): {k: row[k] for k in (*FIGURES, "cpu_seconds")} for row in rows}


def write(path: Path, done: dict[tuple[str, int], dict[str, str]]) -> None:
    """Write a line for each run and, below those of its switch, its summary."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".part").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", restval="")
        writer.writeheader()
        for name in ROWS:
            runs = {seed: figures for (row, seed), figures in sorted(done.items()) if row == name}
            writer.writerows({"switch": name, "seed": seed, **figures} for seed, figures in runs.items())
            if runs:
                writer.writerow(summary(name, done))
    path.with_suffix(".part").replace(path)


def show(path: Path) -> None:
    """Print the summaries."""
    table = rich.table.Table("switch", *FIGURES, "kept", "why")
    for row in read_rows(path):
        if row["seed"] == "mean":
            figures = [f"{float(row[f]):.3f} ± {float(row[f + '_spread'] or 0):.3f}" for f in FIGURES]
            table.add_row(row["switch"], *figures, row["kept"], row["why"])
    Console().print(table)


def summary(name: str, done: Mapping[tuple[str, int], Mapping[str, str]]) -> dict[str, str]:
    """Return the summary of a switch: means, half ranges over seeds, verdict.

    A switch is kept where it beats its reference with every seed in the mean of seen and unseen, by more in the mean
    than the wider of the two spreads, and loses no more than that on drawn products.
    """
    own, reference = _runs(name, done), _runs(ROWS[name].against, done)
    line = {"switch": name, "seed": "mean"}
    for figure in FIGURES:
        values = [float(run[figure]) for run in own.values()]
        line[figure] = f"{mean(values):.4f}"
        line[f"{figure}_spread"] = f"{(max(values) - min(values)) / 2:.4f}" if len(values) > 1 else ""
    line["cpu_seconds"] = f"{mean(float(run['cpu_seconds']) for run in own.values()):.0f}"
    both = sorted(set(own) & set(reference))
    if name == "base":
        return {**line, "kept": "yes", "why": "the reference"}
    if len(both) < 2:
        return {**line, "kept": "", "why": "not yet run with two seeds"}
    gains = [_real(own[seed]) - _real(reference[seed]) for seed in both]
    spread = max(_spread(own), _spread(reference))
    changes = [mean(float(own[s][f]) - float(reference[s][f]) for s in both) for f in FIGURES]
    kept = min(gains) > 0 and mean(gains) > spread and changes[2] > -spread
    each = ", ".join(f"{f[:-3]} {100 * change:+.1f}" for f, change in zip(FIGURES, changes, strict=True))
    why = (
        f"{each}; mean of seen and unseen {100 * mean(gains):+.1f} ({', '.join(f'{100 * g:+.1f}' for g in gains)} "
        f"by seed) against a spread of {100 * spread:.1f}"
    )
    against = "" if ROWS[name].against == "base" else f"; against {ROWS[name].against}"
    return {**line, "kept": "yes" if kept else "no", "why": why + against}


def _runs(name: str, done: Mapping[tuple[str, int], Mapping[str, str]]) -> dict[int, Mapping[str, str]]:
    return {seed: figures for (row, seed), figures in done.items() if row == name}


def _real(run: Mapping[str, str]) -> float:
    return (float(run["seen_r1"]) + float(run["unseen_r1"])) / 2


def _spread(runs: Mapping[int, Mapping[str, str]]) -> float:
    values = [_real(run) for run in runs.values()]
    return (max(values) - min(values)) / 2


if __name__ == "__main__":
    run_command(main)
