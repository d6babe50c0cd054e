"""`whatsit train …`: train a network by its recipe."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from whatsit.cli.options import DATA, WEIGHTS, Data, TorchThreads, Weights

if TYPE_CHECKING:
    from whatsit.training.common.loop import Outcome
    from whatsit.training.common.training_recipe import TrainingRecipe

    Recipe = TypeVar("Recipe", bound=TrainingRecipe)

app = typer.Typer(no_args_is_help=True, help="Train a network by its recipe; Ctrl-C saves and --resume goes on.")

_Csv = Annotated[Path | None, typer.Option(help="Own data: a table with image, label and perhaps split.")]
_Tags = Annotated[Path | None, typer.Option(help="Own data: a table with image and any of intent, source, topic, tag.")]


@dataclass(frozen=True)
class TrainingOptions:
    """Options of all three commands, and what is done with them."""

    recipe: Annotated[Path | None, typer.Option(help="What to train and how; default: build/NETWORK.yaml.")] = None
    data: Data = DATA
    weights: Weights = WEIGHTS
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("build/runs")
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False
    max_minutes: Annotated[
        float | None, typer.Option(min=0, help="Budget of training time; the schedule ends in it.")
    ] = None
    max_steps: Annotated[int | None, typer.Option(min=1, help="The same in optimiser steps.")] = None
    threads: TorchThreads = None
    share: Annotated[
        float,
        typer.Option(min=0.01, max=1, help="Part of your own data in each batch; the rest is the built-in data sets."),
    ] = 1.0
    start: Annotated[
        str | None,
        typer.Option(
            help="imagenet (--weights), random, shipped, or a checkpoint of this network; default: as the recipe says."
        ),
    ] = None

    def resolve(self, engine: str, kind: type[Recipe], monitor: str, custom: Mapping[str, Path | None]) -> Recipe:
        """Return the recipe of the file, changed by the options.

        `monitor` is the metric of custom data alone.
        """
        from whatsit.training.common.custom_data import custom_data
        from whatsit.training.common.resolve_recipe import resolve_recipe
        from whatsit.training.common.training_recipe import read_recipe

        recipe = read_recipe(self.recipe or recipe_of(engine), kind)
        return resolve_recipe(recipe, start_of(engine, self.start), custom_data(self.share, **custom), monitor)

    def train(self, engine: str, train: Callable[..., Outcome], recipe: TrainingRecipe, **more: object) -> None:
        """Train and print the next step; exit with code 130 after an interruption."""
        budget = {"max_minutes": self.max_minutes, "max_steps": self.max_steps}
        run = {"resume": self.resume, "threads": self.threads, **budget}
        if not train(recipe, self.data, self.weights, self.out, **more, **run).finished:
            raise typer.Exit(130)
        typer.echo(f"Trained: {self.out}. Next: whatsit build {engine} --checkpoint {self.out / 'best.pt'}", err=True)


def _command(minutes: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command that takes the fields of `TrainingOptions` as options."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        engine, hints = function.__name__, get_type_hints(TrainingOptions, include_extras=True)
        shared = {field.name: field.default for field in fields(TrainingOptions)}
        shared["out"] = Path("build/runs") / engine
        specific = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

        def command(**values: Any) -> None:
            function(TrainingOptions(**{name: values.pop(name) for name in shared}), **values)

        options = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hints[name])
            for name, default in shared.items()
        ] + [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in specific]
        command.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]  # what typer reads
        command.__annotations__ = {option.name: option.annotation for option in options}
        command.__name__, command.__doc__ = engine, function.__doc__
        example = f"whatsit train {engine} --data ../shared/data --weights ../shared/weights --max-minutes {minutes}"
        app.command(epilog=f"Example: {example}")(command)
        return command

    return register


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


@_command(minutes=40)
def embedder(
    options: TrainingOptions,
    photos: Annotated[Path | None, typer.Option(help="Own data: a folder with a sub-folder for each product.")] = None,
    csv: _Csv = None,
) -> None:
    """Train the embedder: 128-d unit vectors, near for the same item.

    With --photos or --csv it trains on your own products: every fifth picture of a product measures (custom_r1),
    or those whose split is val. No other data is needed, unless --share admits the built-in data sets.
    """
    from whatsit.training.embedder.recipe import EmbedderRecipe
    from whatsit.training.embedder.task import train_embedder

    recipe = options.resolve("embedder", EmbedderRecipe, "custom_r1", {"photos": photos, "csv": csv})
    options.train("embedder", train_embedder, recipe)


@_command(minutes=30)
def moco(
    options: TrainingOptions,
    photos: Annotated[Path | None, typer.Option(help="Own pictures, in any folders below this one.")] = None,
) -> None:
    """Train an embedder without labels (MoCo v2).

    Its best.pt is a start for `whatsit train embedder`.

    With --photos it trains on your own pictures, such as those of a catalogue, and on nothing else.
    """
    from whatsit.training.selfsupervised.moco import train_moco
    from whatsit.training.selfsupervised.moco_recipe import MocoRecipe

    recipe = options.resolve("moco", MocoRecipe, "view_r1", {})
    options.train("embedder", train_moco, recipe, photos=photos)


@_command(minutes=50)
def detector(
    options: TrainingOptions,
    held_out: Annotated[Path, typer.Option(help="Names of coco128 pictures that training never sees.")] = Path(
        "build/detector.heldout.txt"
    ),
    coco: Annotated[Path | None, typer.Option(help="Own data: COCO JSON with boxes, see `whatsit label`.")] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the pictures in --coco; default: the file's.")] = None,
    crops: Annotated[
        Path | None, typer.Option(help="Own data: folder of `whatsit label crops`; its weak boxes add to --coco.")
    ] = None,
) -> None:
    """Train the detector: boxes of things of any kind, and of product classes.

    The first run labels the photos with a teacher and renders shop scenes (about 15 minutes on one core, kept in
    --out); --max-minutes does not count that. With --coco it trains on your own boxes instead, every fifth picture
    measuring (recall); --share admits the built-in data sets.
    """
    from whatsit.evaluation.datasets.labelled_pictures import read_names
    from whatsit.training.detector.recipe import DetectorRecipe
    from whatsit.training.detector.task import train_detector

    recipe = options.resolve("detector", DetectorRecipe, "recall", {"coco": coco, "images": images, "crops": crops})
    names = frozenset[str]() if recipe.custom and recipe.custom.alone else read_names(held_out)
    options.train("detector", train_detector, recipe, held_out=names)


@_command(minutes=60)
def scan(
    options: TrainingOptions,
    held_out: Annotated[Path, typer.Option(help="Names of coco128 pictures that training never sees.")] = Path(
        "build/detector.heldout.txt"
    ),
) -> None:
    """Train the scan network, the detector that runs on a phone.

    The first run labels the photos with the shipped detector, renders shop scenes and decodes every picture once (about
    six minutes on one core, kept in --out); --max-minutes does not count that.
    """
    from whatsit.evaluation.datasets.labelled_pictures import read_names
    from whatsit.training.detector.centernet_recipe import ScanRecipe
    from whatsit.training.detector.centernet_task import train_scan

    recipe = options.resolve("scan", ScanRecipe, "recall", {})
    options.train("scan", train_scan, recipe, held_out=read_names(held_out))


@_command(minutes=30)
def classifier(options: TrainingOptions, csv: _Tags = None) -> None:
    """Train the classifier: intent, source, topic and tags of a whole picture.

    The first run renders products and puts every view of a picture through the ImageNet network (a quarter of an hour
    on one core, kept in --out); --max-minutes does not count that. With --csv it trains on your own table
    instead, in which an empty field is an answer that nobody knows; every fifth line measures (accuracy), or those
    whose split is val.
    """
    from whatsit.training.classifier.recipe import ClassifierRecipe
    from whatsit.training.classifier.task import train_classifier

    recipe = options.resolve("classifier", ClassifierRecipe, "accuracy", {"csv": csv})
    options.train("classifier", train_classifier, recipe)
