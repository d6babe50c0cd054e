"""`whatsit train embedder|classifier|detector`: train a network by its recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Train a network by its recipe; Ctrl-C saves and --resume goes on.")

Data = Annotated[Path, typer.Option(help="Folder that holds the data sets.")]
Weights = Annotated[Path, typer.Option(help="Folder that holds the starting weights.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")]
MaxMinutes = Annotated[float | None, typer.Option(min=0, help="Budget of training time; the schedule ends in it.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; torch's own choice if not given.")]


def ended(finished: bool, out: Path, engine: str) -> None:
    """Say what to do next, or leave with exit code 130 where training was interrupted."""
    if not finished:
        raise typer.Exit(130)
    typer.echo(f"Trained: {out}. Next: whatsit build {engine}", err=True)


@app.command(
    epilog="Example: whatsit train embedder --data ../shared/data --weights ../shared/weights --max-minutes 40"
)
def embedder(
    recipe: Annotated[Path, typer.Option(help="What to train and how.")] = Path("build/embedder.yaml"),
    data: Data = Path("../shared/data"),
    weights: Weights = Path("../shared/weights"),
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("build/runs/embedder"),
    resume: Resume = False,
    max_minutes: MaxMinutes = None,
    threads: Threads = None,
    start: Annotated[
        Path | None, typer.Option(help="Checkpoint of an earlier run to start from instead of --weights.")
    ] = None,
) -> None:
    """Train the embedder: 128-d unit vectors, near for the same item."""
    from whatsit.training.embedder import train_embedder
    from whatsit.training.embedder_recipe import EmbedderRecipe
    from whatsit.training.recipe import read_recipe

    outcome = train_embedder(
        read_recipe(recipe, EmbedderRecipe),
        data,
        weights,
        out,
        resume=resume,
        max_minutes=max_minutes,
        threads=threads,
        start_from=start,
    )
    ended(outcome.finished, out, "embedder")


@app.command(
    epilog="Example: whatsit train detector --data ../shared/data --weights ../shared/weights --max-minutes 50"
)
def detector(
    recipe: Annotated[Path, typer.Option(help="What to train and how.")] = Path("build/detector.yaml"),
    data: Data = Path("../shared/data"),
    weights: Weights = Path("../shared/weights"),
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("build/runs/detector"),
    held_out: Annotated[Path, typer.Option(help="Names of coco128 pictures that training never sees.")] = Path(
        "build/detector.heldout.txt"
    ),
    resume: Resume = False,
    max_minutes: MaxMinutes = None,
    threads: Threads = None,
) -> None:
    """Train the detector: boxes of things of any kind, and of product classes.

    The first run labels the photos with a teacher and renders shop scenes (about 15 minutes on one core, kept in
    --out); --max-minutes does not count that.
    """
    from whatsit.evaluation.labelled import read_names
    from whatsit.training.detector import train_detector
    from whatsit.training.detector_recipe import DetectorRecipe
    from whatsit.training.recipe import read_recipe

    outcome = train_detector(
        read_recipe(recipe, DetectorRecipe),
        data,
        weights,
        out,
        held_out=read_names(held_out),
        resume=resume,
        max_minutes=max_minutes,
        threads=threads,
    )
    ended(outcome.finished, out, "detector")


@app.command(
    epilog="Example: whatsit train classifier --data ../shared/data --weights ../shared/weights --max-minutes 30"
)
def classifier(
    recipe: Annotated[Path, typer.Option(help="What to train and how.")] = Path("build/classifier.yaml"),
    data: Data = Path("../shared/data"),
    weights: Weights = Path("../shared/weights"),
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("build/runs/classifier"),
    resume: Resume = False,
    max_minutes: MaxMinutes = None,
    threads: Threads = None,
) -> None:
    """Train the classifier: intent, source, topic and tags of a whole picture.

    The first run renders products and asks the ImageNet teacher for its tags (a few minutes, kept in --out);
    --max-minutes does not count that.
    """
    from whatsit.training.classifier import train_classifier
    from whatsit.training.classifier_recipe import ClassifierRecipe
    from whatsit.training.recipe import read_recipe

    outcome = train_classifier(
        read_recipe(recipe, ClassifierRecipe),
        data,
        weights,
        out,
        resume=resume,
        max_minutes=max_minutes,
        threads=threads,
    )
    ended(outcome.finished, out, "classifier")
