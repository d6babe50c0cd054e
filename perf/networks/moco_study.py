"""Momentum contrast as a start, as an auxiliary task and as a router.

python -m perf.networks.moco_study run --work DIR --steps 50    # two seeds; goes on where it was stopped
python -m perf.networks.moco_study report --work DIR            # perf/results/moco.csv

For each seed MoCo is trained once. Then embedders are trained by build/embedder.unseen.yaml for the same steps
without 16 grocery classes (the split for choosing): from ImageNet, from MoCo, and from ImageNet with clusters of MoCo
as a task. Their photos are searched among the 16 shop images. The router: groceries and ImageNet photos in 16 shards
by k-means, of the shipped vectors or of those of MoCo; counted is how many of the ten nearest rows, by the shipped
vectors, of a grocery val photo lie in the shards nearest to it. MoCo sees the pictures that the arms are trained on,
and those of the classes left out too, all without labels.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from perf.common.command import DATA, Data, run_command
from perf.common.setting import RESULTS, Setting

SPLIT, CHOOSING, TOUCHED = 2026, 4, (1, 2, 3, 4)
COLUMNS = ("study", "seed", "what", "figure", "value")
ARMS = ("imagenet", "moco start", "moco clusters")
PHOTOS = ("grocery_store/train", "grocery_store/iconic-images-and-descriptions", "imagenet_sample")
ENDLESS = {"epochs": 1000, "validate_every": 1000}
MOCO: dict[str, Any] = {"batch": 32, "queue": 1024, "warmup_steps": 20, "photos": PHOTOS, **ENDLESS}

app = typer.Typer(no_args_is_help=True)
Work = Annotated[Path, typer.Option(help="Folder of the runs; kept.")]


@app.command()
def run(
    work: Work,
    data: Data = DATA,
    weights: Annotated[Path, typer.Option(help="Folder of the ImageNet MobileNetV2.")] = DATA.parent / "weights",
    steps: Annotated[int, typer.Option(min=1, help="Of each run, of 32 pictures.")] = 50,
    seeds: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Train what is missing, measure, and keep the figures in DIR/rows.csv."""
    from whatsit.studies.unseen_products import splits

    work.mkdir(parents=True, exist_ok=True)
    held_out = splits(81, 16, seed=SPLIT)[CHOOSING]
    for seed in range(seeds):
        _moco(work, data, weights, seed, steps)
        for arm in ARMS:
            _embedder(work, data, weights, seed, arm, held_out, steps)
        _router(work, data, weights, seed)


def _known(work: Path) -> set[tuple[str, ...]]:
    file = work / "rows.csv"
    if not file.exists():
        return set()
    with file.open(newline="", encoding="utf-8") as lines:
        return {tuple(line[:3]) for line in csv.reader(lines)}


def _keep(work: Path, study: str, seed: int, what: str, figures: dict[str, float]) -> None:
    with (work / "rows.csv").open("a", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerows([study, seed, what, name, f"{value:.4f}"] for name, value in figures.items())
    print(study, seed, what, {name: round(value, 4) for name, value in figures.items()}, flush=True)


def _moco(work: Path, data: Path, weights: Path, seed: int, steps: int) -> None:
    from whatsit.training.common.training_recipe import read_recipe
    from whatsit.training.selfsupervised.moco import train_moco
    from whatsit.training.selfsupervised.moco_recipe import MocoRecipe

    out = work / f"moco-{seed}"
    if not (out / "clusters.npz").exists():
        recipe = read_recipe(Path("build/moco.yaml"), MocoRecipe).model_copy(update={**MOCO, "seed": seed})
        there = (out / "last.pt").exists()
        if not train_moco(recipe, data, weights, out, resume=there, max_steps=steps, threads=1).finished:
            raise KeyboardInterrupt


def _embedder(
    work: Path, data: Path, weights: Path, seed: int, arm: str, held_out: tuple[int, ...], steps: int
) -> None:
    from whatsit.evaluation.datasets.grocery import GroceryStore
    from whatsit.studies.domain_recall import open_embedder
    from whatsit.studies.unseen_continued import measure_unseen
    from whatsit.training.common.training_recipe import read_recipe
    from whatsit.training.embedder.recipe import EmbedderRecipe
    from whatsit.training.embedder.task import train_embedder

    if ("embedder", str(seed), arm) in _known(work):
        return
    moco, out = work / f"moco-{seed}", work / f"{arm.replace(' ', '-')}-{seed}"
    changes: dict[str, Any] = {"seed": seed, "held_out_classes": held_out, "frozen_blocks": 5, **ENDLESS}
    if arm == "moco start":
        changes["start"] = str(moco / "best.pt")
    if arm == "moco clusters":
        changes |= {"tasks": ("cluster",), "clusters": str(moco / "clusters.npz")}
    recipe = read_recipe(Path("build/embedder.unseen.yaml"), EmbedderRecipe).model_copy(update=changes)
    there = (out / "last.pt").exists()
    if not train_embedder(recipe, data, weights, out, resume=there, max_steps=steps, threads=1).finished:
        raise KeyboardInterrupt
    network = open_embedder(f"{arm}={out / 'best.pt'}", weights)
    row = measure_unseen(network, GroceryStore(data / "grocery_store"), held_out)
    _keep(work, "embedder", seed, arm, {"recall_at_1": row.recall_at_1, "recall_at_5": row.recall_at_5})


def _router(work: Path, data: Path, weights: Path, seed: int) -> None:
    from whatsit.evaluation.datasets.grocery import GroceryStore
    from whatsit.studies.domain_recall import open_embedder
    from whatsit.studies.unseen_continued import vectors_of_files

    if ("router", str(seed), "moco") in _known(work):
        return
    grocery = GroceryStore(data / "grocery_store")
    pictures = [*grocery.queries("train"), *sorted((data / "imagenet_sample").glob("*.jpg"))]
    asked = grocery.queries("val")
    exact = open_embedder("shipped", weights)
    rows, queries = (vectors_of_files(exact, part) for part in (pictures, asked))
    nearest = np.argsort(-(queries @ rows.T), axis=1)[:, :10]
    _keep(work, "router", seed, "shipped", _routing(rows, queries, nearest, seed))
    moco = open_embedder(f"moco={work / f'moco-{seed}' / 'best.pt'}", weights)
    rows, queries = (vectors_of_files(moco, part) for part in (pictures, asked))
    _keep(work, "router", seed, "moco", _routing(rows, queries, nearest, seed))


def _routing(
    rows: npt.NDArray[np.float32], queries: npt.NDArray[np.float32], nearest: npt.NDArray[np.int64], seed: int
) -> dict[str, float]:
    """Return the share of the nearest rows that lie in the nearest of 16 shards."""
    from sklearn.cluster import KMeans

    shards = KMeans(16, n_init=2, random_state=seed).fit(rows)
    order = np.argsort(shards.transform(queries), axis=1)
    inside = shards.labels_[nearest]
    return {f"top_{n}": float((inside[:, :, None] == order[:, None, :n]).any(axis=2).mean()) for n in TOUCHED}


@app.command()
def report(work: Work) -> None:
    """Write the figures of DIR/rows.csv as perf/results/moco.csv."""
    with (work / "rows.csv").open(newline="", encoding="utf-8") as lines:
        rows: list[list[object]] = [list(line) for line in csv.reader(lines)]
    Setting.of_this_machine("perf.networks.moco_study").write(RESULTS / "moco.csv", COLUMNS, rows)


if __name__ == "__main__":
    run_command(app)
