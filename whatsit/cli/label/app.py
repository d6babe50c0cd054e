"""`whatsit label …`: boxes for unlabelled pictures, as COCO JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whatsit.cli.options import WEIGHTS, AsJson, Weights

if TYPE_CHECKING:
    from rich.console import Console

    from whatsit.evaluation.datasets.label_file import LabelFile

app = typer.Typer(
    no_args_is_help=True,
    help="Label pictures: by a teacher, by what they show as a whole, by composing them, or in rounds with a person.",
)

IMAGENET = "mobilenet_v2_1.0_224_float.onnx"

Photos = Annotated[Path, typer.Argument(metavar="PHOTOS", help="Folder of pictures, searched with its sub-folders.")]
Labels = Annotated[Path, typer.Argument(metavar="LABELS", help="COCO JSON file.")]
Out = Annotated[Path, typer.Option(help="The COCO JSON file to write.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Only so many pictures, evenly spread.")]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads.")]


@app.command(epilog="Example: whatsit label teacher photos --out labels.json")
def teacher(
    photos: Photos,
    out: Out = Path("labels.json"),
    model: Annotated[
        Path | None,
        typer.Option("--teacher", help="YOLOX or a detector of the tensor contract (ONNX), or best.pt. Default: ours."),
    ] = None,
    sure: Annotated[float, typer.Option(min=0, max=1, help="Score from which a box is kept.")] = 0.4,
    doubtful: Annotated[float, typer.Option(min=0, max=1, help="Score from which it is doubtful (iscrowd).")] = 0.2,
    single: Annotated[
        bool,
        typer.Option(
            "--single", help="Each picture shows one product, named by its sub-folder: its box gets that name."
        ),
    ] = False,
    limit: Limit = None,
    threads: Threads = 1,
    as_json: AsJson = False,
) -> None:
    """Take a teacher's boxes as labels.

    Ctrl-C keeps what is done; the same command resumes.
    """
    from dataclasses import replace

    from whatsit.engines.repository import default_root, network_file
    from whatsit.evaluation.datasets.label_file import Box
    from whatsit.labelling.single_object import single_product
    from whatsit.pipeline.box_detectors import open_finder

    network = model or network_file(default_root() / "model_repository", "detector")
    settings = {"teacher": str(network), "sure": sure, "doubtful": doubtful, "single": single}
    with open_finder(network, threads) as finder:

        def find_boxes(file: str, pixels: Any) -> list[Box]:
            found = finder.find(pixels, min(sure, doubtful))
            if single:
                name = file.split("/")[0] if "/" in file else "object"
                return single_product(found, name, pixels.shape[1], pixels.shape[0], sure)
            return [replace(box, doubtful=(box.score or 0) < sure) for box in found]

        _label_folder(photos, out, find_boxes, settings, "The teacher labels pictures", limit, as_json)


@app.command(epilog="Example: whatsit label activation photos --out labels.json --weights ../shared/weights")
def activation(
    photos: Photos,
    out: Out = Path("labels.json"),
    weights: Weights = WEIGHTS,
    classifier: Annotated[
        Path | None, typer.Option(help="Checkpoint of a classifier, instead of the ImageNet network in --weights.")
    ] = None,
    tags: Annotated[Path | None, typer.Option(help="CSV with the columns image and tag, where tags are known.")] = None,
    limit: Limit = None,
    threads: Threads = 1,
    as_json: AsJson = False,
) -> None:
    """Draw one weak box into each picture by class activation maps.

    Good where a picture shows one thing; `whatsit label compare` measures how good against boxes you trust.
    """
    from whatsit.labelling.class_activation import activation_finder

    finder = activation_finder(classifier, weights / IMAGENET, threads)
    known = _tags(tags, photos) if tags else {}
    settings = {"classifier": str(classifier or "imagenet"), "tags": str(tags or "")}
    _label_folder(
        photos,
        out,
        lambda file, pixels: [finder.find(pixels, known.get(file))],
        settings,
        "The classifier labels pictures",
        limit,
        as_json,
    )


@app.command(epilog="Example: whatsit label composites products --scenes photos --out composites --count 500")
def composites(
    products: Annotated[
        Path, typer.Argument(help="Product pictures on a plain background, or PNG with alpha; a sub-folder names them.")
    ],
    scenes: Annotated[Path, typer.Option(help="Folder of photos to paste the products on.")],
    out: Annotated[Path, typer.Option(help="Folder for the pictures and their labels.json.")] = Path("composites"),
    count: Annotated[int, typer.Option(min=1, help="Number of pictures.")] = 500,
    most: Annotated[int, typer.Option(min=1, max=20, help="Most products on a picture.")] = 5,
    size: Annotated[int, typer.Option(min=64, max=2048, help="Side of the pictures in pixels.")] = 640,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same pictures.")] = 0,
    scene_labels: Annotated[
        Path | None, typer.Option(help="COCO JSON with boxes of the things that the scenes show already.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Paste cut-out products on scenes, which gives exact boxes.

    The same command resumes after Ctrl-C.
    """
    from whatsit.evaluation.datasets.label_file import read_labels
    from whatsit.evaluation.datasets.labelled_pictures import picture_files
    from whatsit.labelling.background_removal import named_pictures, write_cutouts
    from whatsit.labelling.composites import compose

    console = open_console()
    cut, refused = write_cutouts(named_pictures(products), out / "cutouts")
    for path in refused[:10]:
        console.print(f"{path} has no plain background and is left out.")
    if len(refused) > 10:
        console.print(f"So have {len(refused) - 10} more.")
    known = {}
    if scene_labels:
        known = {scenes / file: picture for file, picture in read_labels(scene_labels).by_file().items()}
    labels = compose(
        cut,
        [scenes / file for file in picture_files(scenes)],
        out / "pictures",
        count,
        size=size,
        seed=seed,
        most=most,
        scene_labels=known,
        track=progress_bar("Composing pictures", console),
    )
    labels.write(out / "labels.json")
    print_summary(
        labels, out / "labels.json", out / "pictures", as_json, {"cutouts": len(cut), "left_out": len(refused)}
    )


@app.command(epilog="Example: whatsit label convert yolo_dataset --out labels.json")
def convert(
    folder: Annotated[Path, typer.Argument(help="Data in YOLO's form: images/, labels/ and perhaps classes.txt.")],
    out: Out = Path("labels.json"),
    as_json: AsJson = False,
) -> None:
    """Write YOLO's text labels as COCO JSON.

    Class names come from classes.txt, else they are COCO's 80.
    """
    from whatsit.evaluation.datasets.yolo_labels import read_yolo_folder

    labels = read_yolo_folder(folder)
    labels.write(out)
    print_summary(labels, out, folder / "images", as_json)


def _label_folder(
    photos: Path,
    out: Path,
    find_boxes: Callable[[str, Any], Sequence[Any]],
    settings: dict[str, Any],
    what: str,
    limit: int | None,
    as_json: bool,
) -> None:
    import cv2

    from whatsit.evaluation.datasets.labelled_pictures import picture_files
    from whatsit.labelling.label_folder import label_pictures

    cv2.setNumThreads(1)
    console = open_console()
    files = picture_files(photos)
    if limit is not None and limit < len(files):
        files = [files[number * len(files) // limit] for number in range(limit)]
    journal = out.with_name(f"{out.name}.part")
    labels = label_pictures(
        photos,
        files,
        find_boxes,
        journal,
        {**settings, "photos": str(photos)},
        progress_bar(what, console),
        lambda file: console.print(f"{file} cannot be read and is left out."),
    )
    labels.write(out)
    journal.unlink()
    print_summary(labels, out, photos, as_json)


def print_summary(
    labels: LabelFile, out: Path, photos: Path | None, as_json: bool, more: dict[str, int] | None = None
) -> None:
    """Print what a label file contains, as a line or as JSON."""
    import json

    doubtful = sum(box.doubtful for picture in labels.pictures for box in picture.boxes)
    sure = len(labels) - doubtful
    figures = {"pictures": len(labels.pictures), "boxes": sure, "doubtful": doubtful, **(more or {})}
    if as_json:
        typer.echo(json.dumps({"labels": str(out), "images": str(photos) if photos else None, **figures}))
        return
    typer.echo(f"{out}: " + ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in figures.items()))


def _tags(file: Path, photos: Path) -> dict[str, str]:
    """Return the tag of each picture by its path below the folder."""
    from whatsit_client.errors import InvalidInput
    from whatsit_client.taxonomy import TAGS

    from whatsit.training.common.custom_data import read_table

    known = {}
    for row in read_table(file, ["tag"]):
        if row.values["tag"] and row.values["tag"] not in TAGS:
            raise InvalidInput(f"{row.where}: '{row.values['tag']}' is none of the tags {', '.join(TAGS)}.")
        if row.values["tag"] and row.image.resolve().is_relative_to(photos.resolve()):
            known[row.image.resolve().relative_to(photos.resolve()).as_posix()] = row.values["tag"]
    return known


def open_console() -> Console:
    """Return the console that progress goes to."""
    from rich.console import Console

    return Console(stderr=True)


def progress_bar(what: str, console: Console) -> Callable[[Sequence[Any]], Iterable[Any]]:
    """Return a progress bar with a heading, as a wrapper of iterables."""
    from whatsit.training.common.progress import counted

    return lambda things: counted(things, what, console)
