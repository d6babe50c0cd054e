"""Train the embedder for each switch and seed, and measure recall.

python -m perf.networks.embedder_ablation  # every row; goes on where an interrupted run stopped
python -m perf.networks.embedder_ablation --only base,triplet  # some rows
python -m perf.networks.embedder_ablation --summary-only  # means, spreads and verdicts of the rows that are there

The base is small, so that a run takes about half a minute on one CPU thread. Nothing is measured on val: "seen" are the
last photos of each class in training, "unseen" all photos of 16 classes that are left out, both against shop images;
"rendered" are crops of drawn scenes against the catalogue of a shop that is never trained on.
"""

from __future__ import annotations

import csv
import os
import tempfile
import time
from pathlib import Path
from typing import Annotated

from perf.common.command import DATA, Data, Table, run_command
from perf.common.setting import RESULTS
from perf.common.tables import read_rows

os.environ.setdefault("OMP_NUM_THREADS", "1")

import rich.table
import torch
import typer
from rich.console import Console

from perf.networks.embedder_ablation_cache import SharedWork
from perf.networks.embedder_ablation_rows import BASE, COLUMNS, FIGURES, ROWS, summary
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
    started, shared = time.monotonic(), SharedWork()
    measured_on: Measure | None = None
    for number, (name, seed) in enumerate(todo):
        recipe = EmbedderRecipe(**{**BASE, **ROWS[name].changes, "seed": seed})
        task = EmbedderTask(recipe, data, weights / WEIGHTS)
        assert task.parts is not None
        measured_on = measured_on or Measure(task.parts, recipe.size)
        task.validation = measured_on  # type: ignore[assignment]  # the same pictures for every row, prepared once
        shared.attach(task, keep_maps=not {"erasing", "mining", "mutual"} & set(ROWS[name].changes))
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


if __name__ == "__main__":
    run_command(main)
