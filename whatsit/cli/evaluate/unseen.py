"""`whatsit evaluate unseen`: recall on products that training never saw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whatsit.cli.options import DATA, WEIGHTS, Data, TorchThreads, Weights

COLUMNS = (
    "split",
    "role",
    "network",
    "photos",
    "recall_at_1",
    "recall_at_5",
    "val_photos",
    "val_recall_at_1",
    "classes",
)


def unseen(
    recipe: Annotated[Path, typer.Option(help="Sources, losses and rates.")] = Path("build/embedder.unseen.yaml"),
    data: Data = DATA,
    weights: Weights = WEIGHTS,
    out: Annotated[Path, typer.Option(help="Maps and runs; an existing run is resumed.")] = Path("build/runs/unseen"),
    split: Annotated[list[int] | None, typer.Option(help="Only these; the last is for choosing settings.")] = None,
    blend: Annotated[float, typer.Option(min=0, max=1, help="Share of the trained weights in the final ones.")] = 1.0,
    max_minutes: Annotated[float | None, typer.Option(min=0, help="Training time of each split.")] = None,
    start: Annotated[
        Path | None,
        typer.Option(help="Go on from this best.pt, and train whole networks by --recipe (train embedder's recipe)."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the photos of each split, in place of the recipe's.")
    ] = None,
    threads: TorchThreads = None,
    csv: Annotated[Path | None, typer.Option(help="Write every row there.")] = None,
) -> None:
    """Train without 16 of the 81 grocery classes and measure recall on those 16.

    Several splits are measured.

    Settings are chosen on the last split; the mean and spread are of the others.
    """
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from whatsit.evaluation.datasets.grocery import GroceryStore
    from whatsit.studies.unseen_continued import measure_continued_split
    from whatsit.studies.unseen_products import Pictures, UnseenRow, measure_split, splits
    from whatsit.training.common.run_training import prepare
    from whatsit.training.common.training_recipe import read_recipe
    from whatsit.training.embedder.recipe import EmbedderRecipe
    from whatsit.training.embedder.task import WEIGHTS

    settings = read_recipe(recipe, EmbedderRecipe)
    if epochs is not None:
        settings = settings.model_copy(update={"epochs": epochs})
    console = prepare(settings.seed, threads=threads)
    groups = splits(81, 16, seed=2026)
    choosing = len(groups) - 1
    names_of = [c.name for c in GroceryStore(data / "grocery_store").classes]
    pictures = None if start else Pictures(settings, data, weights / WEIGHTS, out / "maps", console)

    def measured(number: int, blends: tuple[float, ...]) -> list[UnseenRow]:
        run, group = out / f"split-{number}", groups[number]
        if pictures is not None:
            return measure_split(pictures, settings, group, run, blends, max_minutes, console)
        recipe = settings.model_copy(update={"start": str(start)})
        return measure_continued_split(recipe, data, weights, group, run, blends, max_minutes, console)

    lines, kept = [], []
    for number in split if split is not None else range(choosing):
        blends = (0.4, 0.5, 0.6, 0.7, 0.8, 1.0) if number == choosing else (blend,)
        rows = measured(number, blends)
        names = " ".join(names_of[label] for label in groups[number])
        role = "choosing" if number == choosing else "reported"
        lines += [(number, role, *vars(row).values(), names) for row in rows]
        if role == "reported":
            kept.append((rows[0], rows[-1]))
    table = Table(title="photos of 16 classes never trained on -> their 16 shop images")
    for column in COLUMNS[:-1]:
        table.add_column(column, justify="right")
    for line in lines:
        table.add_row(*(f"{100 * x:.1f}" if isinstance(x, float) else str(x) for x in line[:-1]))
    Console().print(table)
    if kept:
        for name, rows_of in (("frozen", [a for a, _ in kept]), (f"trained, blend {blend}", [b for _, b in kept])):
            recalls = 100 * np.array([row.recall_at_1 for row in rows_of])
            spread = f", standard deviation {recalls.std(ddof=1):.1f}" if len(recalls) > 1 else ""
            typer.echo(f"{name}: mean R@1 of {len(recalls)} splits {recalls.mean():.1f} %{spread}")
    if csv is not None:
        import csv as writer

        csv.parent.mkdir(parents=True, exist_ok=True)
        with csv.open("w", newline="", encoding="utf-8") as file:
            table_of = writer.writer(file, lineterminator="\n")
            table_of.writerow(COLUMNS)
            table_of.writerows([[f"{x:.4f}" if isinstance(x, float) else x for x in line] for line in lines])
