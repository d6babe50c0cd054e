"""`whatsit train embedder|classifier|detector`: train a network by its recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whatsit.cli.options import DATA, WEIGHTS, Data, TorchThreads, Weights

app = typer.Typer(no_args_is_help=True, help="Train a network by its recipe; Ctrl-C saves and --resume goes on.")

Recipe = Annotated[Path | None, typer.Option(help="What to train and how; default: build/NETWORK.yaml.")]
Start = Annotated[
    str | None,
    typer.Option(
        help="imagenet (--weights), random, shipped, or a checkpoint of this network; default: as the recipe says."
    ),
]
Share = Annotated[
    float,
    typer.Option(min=0.01, max=1, help="Part of your own data in each batch; the rest is the built-in data sets."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")]
MaxMinutes = Annotated[float | None, typer.Option(min=0, help="Budget of training time; the schedule ends in it.")]


def recipe_of(engine: str) -> Path:
    """Return the recipe `build/ENGINE.yaml` of the working folder, else Whatsit's own."""
    from whatsit.engines.repository import default_root

    here = Path("build") / f"{engine}.yaml"
    return here if here.is_file() else default_root() / here


def start_of(engine: str, start: str | None) -> str | None:
    """Return --start, with "shipped" replaced by the project's checkpoint."""
    from whatsit.engines.repository import default_root

    shipped = Path("build") / "checkpoints" / f"{engine}.safetensors"
    return str(default_root() / shipped) if start == "shipped" else start


def ended(finished: bool, out: Path, engine: str) -> None:
    """Say what to do next, or leave with exit code 130 where training was interrupted."""
    if not finished:
        raise typer.Exit(130)
    typer.echo(f"Trained: {out}. Next: whatsit build {engine} --checkpoint {out / 'best.pt'}", err=True)


@app.command(
    epilog="Example: whatsit train embedder --data ../shared/data --weights ../shared/weights --max-minutes 40"
)
def embedder(
    recipe: Recipe = None,
    data: Data = DATA,
    weights: Weights = WEIGHTS,
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("build/runs/embedder"),
    resume: Resume = False,
    max_minutes: MaxMinutes = None,
    threads: TorchThreads = None,
    photos: Annotated[Path | None, typer.Option(help="Own data: a folder with a sub-folder for each product.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Own data: a table with image, label and perhaps split.")] = None,
    share: Share = 1.0,
    start: Start = None,
) -> None:
    """Train the embedder: 128-d unit vectors, near for the same item.

    With --photos or --csv it trains on your own products: every fifth picture of a product measures (own_r1), or those
    whose split is val. No other data is needed, unless --share admits the built-in data sets.
    """
    from whatsit.training.common.custom_data import custom_data
    from whatsit.training.common.resolve_recipe import resolve_recipe
    from whatsit.training.common.training_recipe import read_recipe
    from whatsit.training.embedder.recipe import EmbedderRecipe
    from whatsit.training.embedder.task import train_embedder

    wanted = resolve_recipe(
        read_recipe(recipe or recipe_of("embedder"), EmbedderRecipe),
        start_of("embedder", start),
        custom_data(share, photos=photos, csv=csv),
        "own_r1",
    )
    # An earlier run (.pt) holds class vectors of the built-in classes, which go on too; a shipped network holds none.
    earlier = Path(wanted.start) if wanted.start.endswith(".pt") and wanted.own is None else None
    outcome = train_embedder(
        wanted,
        data,
        weights,
        out,
        resume=resume,
        max_minutes=max_minutes,
        threads=threads,
        start_from=earlier,
    )
    ended(outcome.finished, out, "embedder")


@app.command(
    epilog="Example: whatsit train detector --data ../shared/data --weights ../shared/weights --max-minutes 50"
)
def detector(
    recipe: Recipe = None,
    data: Data = DATA,
    weights: Weights = WEIGHTS,
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("build/runs/detector"),
    held_out: Annotated[Path, typer.Option(help="Names of coco128 pictures that training never sees.")] = Path(
        "build/detector.heldout.txt"
    ),
    resume: Resume = False,
    max_minutes: MaxMinutes = None,
    threads: TorchThreads = None,
    coco: Annotated[Path | None, typer.Option(help="Own data: COCO JSON with boxes, see `whatsit label`.")] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the pictures in --coco; default: the file's.")] = None,
    share: Share = 1.0,
    start: Start = None,
) -> None:
    """Train the detector: boxes of things of any kind, and of product classes.

    The first run labels the photos with a teacher and renders shop scenes (about 15 minutes on one core, kept in
    --out); --max-minutes does not count that. With --coco it trains on your own boxes instead, every fifth picture
    measuring (recall); --share admits the built-in data sets.
    """
    from whatsit.evaluation.datasets.labelled_pictures import read_names
    from whatsit.training.common.custom_data import custom_data
    from whatsit.training.common.resolve_recipe import resolve_recipe
    from whatsit.training.common.training_recipe import read_recipe
    from whatsit.training.detector.custom import train_custom_detector
    from whatsit.training.detector.recipe import DetectorRecipe
    from whatsit.training.detector.task import train_detector

    wanted = resolve_recipe(
        read_recipe(recipe or recipe_of("detector"), DetectorRecipe),
        start_of("detector", start),
        custom_data(share, coco=coco, images=images),
        "recall",
    )
    outcome = (train_custom_detector if wanted.own else train_detector)(
        wanted,
        data,
        weights,
        out,
        held_out=frozenset() if wanted.own and wanted.own.alone else read_names(held_out),
        resume=resume,
        max_minutes=max_minutes,
        threads=threads,
    )
    ended(outcome.finished, out, "detector")


@app.command(
    epilog="Example: whatsit train classifier --data ../shared/data --weights ../shared/weights --max-minutes 30"
)
def classifier(
    recipe: Recipe = None,
    data: Data = DATA,
    weights: Weights = WEIGHTS,
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("build/runs/classifier"),
    resume: Resume = False,
    max_minutes: MaxMinutes = None,
    threads: TorchThreads = None,
    csv: Annotated[
        Path | None, typer.Option(help="Own data: a table with image and any of intent, source, topic, tag.")
    ] = None,
    share: Share = 1.0,
    start: Start = None,
) -> None:
    """Train the classifier: intent, source, topic and tags of a whole picture.

    The first run renders products and puts every view of a picture through the ImageNet network (a quarter of an hour
    on one core, kept in --out); --max-minutes does not count that. With --csv it trains on your own table
    instead, in which an empty field is an answer that nobody knows; every fifth line measures (accuracy), or those
    whose split is val.
    """
    from whatsit.training.classifier.custom import train_custom_classifier
    from whatsit.training.classifier.recipe import ClassifierRecipe
    from whatsit.training.classifier.task import train_classifier
    from whatsit.training.common.custom_data import custom_data
    from whatsit.training.common.resolve_recipe import resolve_recipe
    from whatsit.training.common.training_recipe import read_recipe

    wanted = resolve_recipe(
        read_recipe(recipe or recipe_of("classifier"), ClassifierRecipe),
        start_of("classifier", start),
        custom_data(share, csv=csv),
        "accuracy",
    )
    outcome = (train_custom_classifier if wanted.own else train_classifier)(
        wanted,
        data,
        weights,
        out,
        resume=resume,
        max_minutes=max_minutes,
        threads=threads,
    )
    ended(outcome.finished, out, "classifier")
