"""Data of the demonstration: a catalogue source and pictures with known truth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources import Row, open_source
from whatsit.rendering.photo import photograph
from whatsit.rendering.product import make_products
from whatsit.rendering.shop import save_jpeg, write_scenes, write_shop, write_truth
from whatsit.vision.decode import decode_image

SEED = 1  # training uses seeds from 1000 on, so no network has seen this shop
PHOTO_SIZE = (480, 480)
PHOTO_STRENGTH = 0.45

_TABLES = tuple(f"products.{ending}" for ending in ("csv", "jsonl", "parquet"))
Advanced = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Query:
    """A picture and the items that it shows.

    Args:
        image: the file.
        boxes: f32 [N,4], where they are, in pixels.
        ids: of the N items.
        titles: of the N items.
    """

    image: Path
    boxes: npt.NDArray[np.float32]
    ids: tuple[str, ...]
    titles: tuple[str, ...]


@dataclass(frozen=True)
class DemoData:
    """Everything that one demonstration needs, on disk.

    Args:
        folder: where its results go.
        source: what the catalogue is built from.
        catalogue: the catalogue's folder.
        queries: the pictures to identify.
    """

    folder: Path
    source: Path
    catalogue: Path
    queries: tuple[Query, ...]


def prepare_shop(
    folder: Path, products: int, scenes: int, advanced: Advanced = lambda what, done, total: None
) -> DemoData:
    """Render the demo's shop and scenes of it; what is there already is kept.

    Args:
        folder: of the demonstration.
        products: number of products.
        scenes: number of scenes.
        advanced: called with what is being done, how much of it is, and how much there is to do.

    Raises:
        InvalidInput: the folder cannot be written.
    """
    shop = make_products(products, SEED)
    titles = {product.id: product.title for product in shop}
    try:
        source = write_shop(
            folder / "shop", products, SEED, lambda done, all_: advanced("Drawing products", done, all_)
        )
        table = write_scenes(
            folder / "scenes", shop, scenes, SEED, lambda done, all_: advanced("Drawing scenes", done, all_)
        )
    except OSError as error:
        raise InvalidInput(f"The folder {folder} cannot be written ({error}): choose another --out.") from error
    return DemoData(folder, source, folder / "catalogue", _read_truth(table, titles))


def prepare_photos(
    folder: Path, photos: Path, limit: int, advanced: Advanced = lambda what, done, total: None
) -> DemoData:
    """Take the user's pictures as the catalogue and photograph each one as a query.

    Where the folder holds a products.csv, .jsonl or .parquet that is the catalogue, else every picture is an item
    whose title is its file's name.

    Args:
        folder: of the demonstration; the pictures' own part lies below it.
        photos: the user's pictures; nothing is written there.
        limit: at most so many pictures become queries.
        advanced: as in `prepare_shop`.

    Raises:
        InvalidInput: there is no such folder, no picture in it that can be read, or `folder` cannot be written.
    """
    if not photos.is_dir():
        raise InvalidInput(f"{photos} is not a folder: give one with pictures.")
    source = next((photos / name for name in _TABLES if (photos / name).is_file()), photos)
    own = folder / f"photos-{photos.resolve().name}-{hashlib.sha256(str(photos.resolve()).encode()).hexdigest()[:8]}"
    rows = [row for row in open_source(source) if isinstance(row, Row)]
    if not rows:
        raise InvalidInput(f"{source} names no item that can be read: give pictures, or a table with id and image.")
    chosen = rows[:: -(-len(rows) // limit)]
    truth, titles = [], {row.fields.id: row.fields.title or row.fields.id for row in rows}
    try:
        (own / "scenes").mkdir(parents=True, exist_ok=True)
        for number, row in enumerate(chosen):
            name = f"photo-{number:04d}.jpg"
            image = row.images[0]
            if not isinstance(image, Path):  # demonstrations are of files
                continue
            box = _photograph(image, own / "scenes" / name, number)
            if box is not None:
                truth.append({"image": name, "boxes": [box], "product_ids": [row.fields.id]})
            advanced("Photographing your pictures", number + 1, len(chosen))
        write_truth(own / "scenes" / "truth.json", truth)
    except OSError as error:
        raise InvalidInput(f"The folder {own} cannot be written ({error}): choose another --out.") from error
    if not truth:
        raise InvalidInput(
            f"None of the pictures in {photos} can be read: give pictures of a known type, such as JPEG."
        )
    return DemoData(own, source, own / "catalogue", _read_truth(own / "scenes" / "truth.json", titles))


def _photograph(picture: Path, target: Path, number: int) -> list[float] | None:
    """Photograph a picture synthetically; return its box, None if it is unreadable."""
    try:
        pixels = decode_image(picture.read_bytes(), max_side=800).pixels
    except (InvalidInput, OSError):
        return None  # ingestion reports the picture with its reason
    photo, box = photograph(pixels, np.random.default_rng([SEED, 19, number]), PHOTO_SIZE, strength=PHOTO_STRENGTH)
    save_jpeg(target, photo)
    return [float(side) for side in box]


def _read_truth(table: Path, titles: dict[str, str]) -> tuple[Query, ...]:
    rows: Sequence[dict[str, list[str]]] = json.loads(table.read_text(encoding="utf-8"))
    return tuple(
        Query(
            image=table.parent / str(row["image"]),
            boxes=np.asarray(row["boxes"], np.float32).reshape(-1, 4),
            ids=tuple(row["product_ids"]),
            titles=tuple(titles.get(i, i) for i in row["product_ids"]),
        )
        for row in rows
    )
