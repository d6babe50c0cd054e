"""Catalogues of things and of pictures that show several of them, with known boxes."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from whatsit.evaluation.datasets.labelled_pictures import read_rgb
from whatsit.evaluation.datasets.product_scenes import split
from whatsit.rendering.photo import cut_out
from whatsit.rendering.product import make_products
from whatsit.rendering.scene import make_scene
from whatsit.rendering.shop import catalogue_picture, save_jpeg
from whatsit.rendering.textures import background

COLLAGE_SETS = ("grocery shop images", "grocery photos", "ikea items", "rendered goods")
_SIZES = ((960, 720), (720, 960), (840, 840))  # width, height
_LEAST, _MOST = 4, 9
_ITEMS = 300
# No network was trained on this rendered shop.
_SEED = 1007

Floats = npt.NDArray[np.float32]
Things = dict[str, list[Path]]


def write_collage_shop(
    name: str, data: Path, folder: Path, count: int
) -> tuple[Path, dict[str, dict[str, Floats | None]]]:
    """Write the pictures of a catalogue of things and of scenes of them.

    Args:
        name: of `COLLAGE_SETS`: `grocery photos` puts other photos of the items into the scenes, `rendered goods` other
            views; the other two the catalogue's own pictures, turned and scaled.
        data: folder of the data sets.
        folder: for the pictures and the table.
        count: of scenes.

    Returns:
        The table for `add_to_catalogue`, and item -> scene -> box.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if name == "rendered goods":
        return _rendered(folder, count)
    shown, pasted = _pictures(name, data)
    truth: dict[str, dict[str, Floats | None]] = {}
    scenes = []
    for number in range(count):
        rng = np.random.default_rng([_SEED, number])
        chosen = [str(one) for one in rng.choice(sorted(pasted), int(rng.integers(_LEAST, _MOST + 1)), replace=False)]
        tiles = [read_rgb(pasted[one][int(rng.integers(len(pasted[one])))]) for one in chosen]
        image, boxes = _collage(tiles, rng)
        scenes.append(_save(folder, number, image))
        for item, box in zip(chosen, boxes, strict=True):
            truth.setdefault(item, {})[scenes[-1].stem] = box
    return _table(
        folder, [*((id, paths[0]) for id, paths in shown.items()), *((one.stem, one) for one in scenes)]
    ), truth


def _pictures(name: str, data: Path) -> tuple[Things, Things]:
    """Return the catalogue's pictures and those that are put into scenes, by item."""
    if name == "ikea items":
        paths = sorted(path for path in (data / "ikea" / "images").glob("*.jpg") if not path.name.startswith("room_"))
        chosen = np.random.default_rng(_SEED).choice(len(paths), _ITEMS, replace=False)
        shown = {paths[place].stem: [paths[place]] for place in sorted(chosen.tolist())}
        return shown, shown
    root = data / "grocery_store"
    with (root / "classes.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    shown = {row["Class Name (str)"]: [root / row["Iconic Image Path (str)"].lstrip("/")] for row in rows}
    if name == "grocery shop images":
        return shown, shown
    names = {int(row["Class ID (int)"]): row["Class Name (str)"] for row in rows}
    photos: Things = {}
    for line in (root / "val.txt").read_text(encoding="utf-8").splitlines():
        path, label, _ = (part.strip() for part in line.split(","))
        photos.setdefault(names[int(label)], []).append(root / path)
    return shown, photos


def _rendered(folder: Path, count: int) -> tuple[Path, dict[str, dict[str, Floats | None]]]:
    products = make_products(_ITEMS, _SEED)
    rows: list[tuple[str, Path]] = []
    truth: dict[str, dict[str, Floats | None]] = {}
    for product in products:
        rows.append((product.id, folder / f"{product.id}.jpg"))
        save_jpeg(rows[-1][1], catalogue_picture(product))
    for number in range(count):
        rng = np.random.default_rng([_SEED, number])
        scene = make_scene(products, rng, _SIZES[number % len(_SIZES)], int(rng.integers(_LEAST, _MOST + 1)))
        path = _save(folder, number, scene.image)
        rows.append((path.stem, path))
        for item, box in zip(scene.product_ids, scene.boxes, strict=True):
            truth.setdefault(item, {})[path.stem] = box
    return _table(folder, rows), truth


def _collage(tiles: Sequence[npt.NDArray[np.uint8]], rng: np.random.Generator) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Lay cut-out pictures out on a drawn background; the boxes of what is seen."""
    width, height = _SIZES[int(rng.integers(len(_SIZES)))]
    image: npt.NDArray[Any] = cv2.GaussianBlur(background(rng, width, height), (0, 0), 1.5).astype(np.float32)
    boxes = []
    for tile, (x1, y1, x2, y2) in zip(tiles, split(width, height, len(tiles), rng), strict=True):
        thing = _turned(cut_out(tile), float(rng.uniform(-12, 12)))
        high, wide = thing.shape[:2]
        fit = min((x2 - x1) / wide, (y2 - y1) / high) * rng.uniform(0.6, 0.92)
        thing = cv2.resize(thing, (max(8, round(fit * wide)), max(8, round(fit * high))), interpolation=cv2.INTER_AREA)
        high, wide = thing.shape[:2]
        left, top = x1 + int(rng.integers(0, x2 - x1 - wide + 1)), y1 + int(rng.integers(0, y2 - y1 - high + 1))
        cover = thing[..., 3:].astype(np.float32) / 255
        place = image[top : top + high, left : left + wide]
        place[:] = place * (1 - cover) + thing[..., :3] * cover * np.float32(rng.uniform(0.75, 1.0))
        boxes.append((left, top, left + wide, top + high))
    return np.clip(image, 0, 255).astype(np.uint8), np.array(boxes, dtype=np.float32)


def _turned(thing: npt.NDArray[Any], degrees: float) -> npt.NDArray[Any]:
    """Return a picture with alpha turned, cut to what is seen of it."""
    high, wide = thing.shape[:2]
    side = int(np.hypot(high, wide)) + 2
    matrix = np.asarray(cv2.getRotationMatrix2D((wide / 2, high / 2), degrees, 1.0), dtype=np.float64)
    matrix[:, 2] += (side - wide) / 2, (side - high) / 2
    turned = cv2.warpAffine(thing, matrix, (side, side), flags=cv2.INTER_LINEAR)
    rows, columns = np.flatnonzero(turned[..., 3].max(axis=1) > 127), np.flatnonzero(turned[..., 3].max(axis=0) > 127)
    return np.ascontiguousarray(turned[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _save(folder: Path, number: int, image: npt.NDArray[np.uint8]) -> Path:
    path = folder / f"scene_{number:03d}.jpg"
    save_jpeg(path, image)
    return path


def _table(folder: Path, rows: Sequence[tuple[str, Path]]) -> Path:
    table = folder / "items.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "image"])
        writer.writerows(rows)
    return table
