"""Training of a turn: the table of pictures, the run, and the network's file."""

from __future__ import annotations

import csv
import shutil
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image
from rich.console import Console
from whatsit_client.errors import InvalidInput

from whatsit.loop.turn.collected_clicks import LabelledPhoto
from whatsit.loop.turn.loop_recipe import Training
from whatsit.loop.turn.photo_vectors import ItemPicture, read_crop
from whatsit.training.common.custom_data import CustomData, read_table

_SEED, _PHOTOS_PER_PICTURE = 17, 4
PICTURES, TABLE, RUN, NETWORK = "pictures", "training.csv", "run", "network/model.onnx"


def write_training_table(
    folder: Path,
    catalogue: Path,
    pictures: Sequence[ItemPicture],
    training: Sequence[LabelledPhoto],
    held_out: Sequence[LabelledPhoto],
    recipe: Training,
) -> dict[str, int]:
    """Write crops and the table that the embedder trains on.

    Args:
        folder: of the turn; `remove_pictures` removes the crops again.
        catalogue: its folder.
        pictures: of the items.
        training: clicks that train.
        held_out: clicks that measure.
        recipe: how many pictures of an item.

    Returns:
        The number of pictures of each kind.
    """
    place = folder / PICTURES
    place.mkdir(exist_ok=True)
    clicked = {photo.item for photo in training}
    others = sorted({picture.item for picture in pictures} - clicked)
    some = np.random.default_rng(_SEED).permutation(len(others))[: max(recipe.most_items - len(clicked), 0)]
    items = clicked | {others[int(index)] for index in some}
    rows: list[tuple[str, str, str]] = []
    counts = {"catalogue": 0, "clicks": 0, "held out": 0, "rehearsal": 0}
    rehearsed = rehearsal_photos(recipe)
    photos_of = Counter([*(photo.item for photo in training), *(item for _, item in rehearsed)])
    sources = [("catalogue", "train", [LabelledPhoto(one.path, one.item) for one in pictures if one.item in items])]
    sources += [
        ("clicks", "train", list(training)),
        ("held out", "val", [one for one in held_out if one.item in items]),
    ]
    for kind, split, photos in sources:
        for number, photo in enumerate(photos):
            name = f"{kind.replace(' ', '-')}-{number:06d}.jpg"
            if _write_crop(photo, catalogue, place / name):
                # A catalogue picture is what photos are to find: it comes once for every few photos of its item.
                copies = max(1, photos_of[photo.item] // _PHOTOS_PER_PICTURE) if kind == "catalogue" else 1
                rows += [(f"{PICTURES}/{name}", photo.item, split)] * copies
                counts[kind] += 1
    for path, item in rehearsed:
        rows.append((str(path.resolve()), item, "train"))
        counts["rehearsal"] += 1
    with (folder / TABLE).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "label", "split"])
        writer.writerows(rows)
    return counts


def _write_crop(photo: LabelledPhoto, catalogue: Path, target: Path) -> bool:
    if target.is_file():
        return True
    try:
        crop, _ = read_crop(photo.path, photo.box, catalogue)
    except InvalidInput:
        return False
    part = target.with_suffix(".part")
    Image.fromarray(np.ascontiguousarray(crop.transpose(1, 2, 0))).save(part, "JPEG", quality=95)
    part.replace(target)
    return True


def rehearsal_photos(recipe: Training) -> list[tuple[Path, str]]:
    """Return some photos of each known item, and the item."""
    if recipe.rehearsal is None or not recipe.rehearsal_per_item:
        return []
    by_item = defaultdict[str, list[Path]](list)
    for row in read_table(recipe.rehearsal, ["label"]):
        by_item[row.values["label"]].append(row.image)
    found = []
    for item, paths in sorted(by_item.items()):
        order = np.random.default_rng([_SEED, len(paths)]).permutation(len(paths))[: recipe.rehearsal_per_item]
        found += [(paths[int(index)].resolve(), item) for index in order]
    return found


def train_network(folder: Path, start: str, recipe: Training, data: Path, console: Console) -> dict[str, Any] | None:
    """Train the embedder on the turn's table, or go on with a run that was stopped.

    Args:
        folder: of the turn.
        start: checkpoint to begin with.
        recipe: of the training.
        data: the folder of the built-in data sets, for a share below 1.
        console: where progress goes.

    Returns:
        The figures of the run; None where it was stopped.
    """
    from whatsit.training.common import run_checkpoint
    from whatsit.training.common.training_recipe import read_recipe
    from whatsit.training.embedder.recipe import EmbedderRecipe
    from whatsit.training.embedder.task import train_embedder

    fixed = {"start": start, "monitor": None, "epochs": 1000, "validate_every": 1000}
    custom = CustomData.model_validate({"csv": folder / TABLE, "share": recipe.share})
    known = read_recipe(_recipe_file(recipe.recipe), EmbedderRecipe).model_dump()
    if unknown := sorted(set(recipe.settings) - set(known)):
        raise InvalidInput(f"The recipe names loop.train.settings.{unknown[0]}, which is no field of training.")
    settings = EmbedderRecipe.model_validate({**known, **recipe.settings, **fixed, "custom": custom})
    run = folder / RUN
    there = (run / run_checkpoint.LAST).exists()
    outcome = train_embedder(
        settings, data, data, run, resume=there, max_minutes=recipe.minutes, threads=recipe.threads, console=console
    )
    if not outcome.finished:
        return None
    last = outcome.history[-1] if outcome.history else {}
    return {name: round(float(value), 4) for name, value in last.items()}


def _recipe_file(path: Path) -> Path:
    from whatsit.engines.repository import default_root

    return path if path.is_file() or path.is_absolute() else default_root() / path


def build_network(folder: Path, recipe: Training, console: Console) -> None:
    """Write the network's ONNX file, quantised if the recipe says so."""
    from whatsit.engines.build import build
    from whatsit.engines.build_paths import BuildPaths
    from whatsit.engines.export import export_onnx
    from whatsit.engines.trained_networks import load_network

    target, trained = folder / NETWORK, folder / RUN / "best.pt"
    if target.is_file():
        return
    target.parent.mkdir(exist_ok=True)
    work = folder / "build"
    work.mkdir(exist_ok=True)
    if recipe.precision == "float":
        network = load_network("embedder", trained)
        export_onnx(network.module, work / "model.onnx", network.size, network.outputs, compared=network.compared)
        (work / "model.onnx").replace(target)
    else:
        document = yaml.safe_load(_recipe_file(recipe.recipe).read_text(encoding="utf-8"))
        document["engine"]["calibration"] = {"pictures": [f"{PICTURES}/*.jpg"], "count": 96, "checks": 64}
        settings = work / "embedder.yaml"
        settings.write_text(yaml.safe_dump({"engine": document["engine"]}), encoding="utf-8")
        paths = BuildPaths(
            "embedder", settings, work / "embedder.safetensors", work / "model.onnx", work / "tensorrt.onnx",
            work / "model.plan", work / "card.md", folder, work,
        )  # fmt: skip
        built = build(paths, trained=trained, console=console)
        shutil.copyfile(built.tensorrt, target.with_name("tensorrt.onnx"))
        built.model.replace(target)
    shutil.rmtree(work)


def remove_pictures(folder: Path) -> None:
    """Remove the copies of visitors' photos that the training needed."""
    shutil.rmtree(folder / PICTURES, ignore_errors=True)
