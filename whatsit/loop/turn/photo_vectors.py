"""Vectors of photos and of catalogue pictures by any embedder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput
from whatsit_client.types import Box

from whatsit.catalogue.store.picture_files import read_picture
from whatsit.catalogue.store.store import Store
from whatsit.engines.open_runner import open_runner
from whatsit.pipeline.decoded_picture import MAX_SIDE, DecodedPicture
from whatsit.vision.crop import crop_resize
from whatsit.vision.decode_process import decode_isolated

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Progress = Callable[[int, int], None]
Embed = Callable[[Pixels], Floats]


@dataclass(frozen=True)
class PhotoVectors:
    """Vectors of photos, in their order.

    Args:
        values: f32 [n, D], zeros where a photo cannot be read.
        readable: bool [n].
        digests: SHA-256 of each file, "" where it cannot be read.
    """

    values: Floats
    readable: npt.NDArray[np.bool_]
    digests: tuple[str, ...]

    def first(self, count: int) -> PhotoVectors:
        """Return those of the first photos."""
        return PhotoVectors(self.values[:count], self.readable[:count], self.digests[:count])


@contextmanager
def open_embedder(network: Path, threads: int = 1) -> Iterator[Embed]:
    """Open an ONNX file: crops uint8 [n, 3, 224, 224] in, unit vectors f32 [n, D] out."""
    with open_runner(network, threads) as runner:

        def embed(images: Pixels) -> Floats:
            return np.asarray(runner.run({"images": images})["embedding"], np.float32)

        yield embed


def read_crop(path: str, box: Box | None, folder: Path) -> tuple[Pixels, str]:
    """Return a photo's crop, uint8 [3, 224, 224], and its file's SHA-256.

    Raises:
        InvalidInput: it cannot be read, or is no picture.
    """
    data = read_picture(path, folder)
    decoded = decode_isolated(data, MAX_SIDE)
    picture = DecodedPicture(decoded.pixels, decoded.width, decoded.height)
    digest = hashlib.sha256(data).hexdigest()
    if box is None:
        return picture.whole_crop, digest
    scaled = np.asarray(box, np.float32) * picture.scale
    return crop_resize(picture.pixels, scaled), digest


def photo_vectors(
    photos: Sequence[tuple[str, Box | None]], folder: Path, embed: Embed, progress: Progress = lambda done, total: None
) -> PhotoVectors:
    """Embed photos; those that cannot be read have no vector.

    Args:
        photos: path and box of each.
        folder: of the catalogue.
        embed: see `open_embedder`.
        progress: called with photos done and their number.
    """
    values: list[Floats | None] = []
    digests = []
    for done, (path, box) in enumerate(photos, start=1):
        try:
            crop, digest = read_crop(path, box, folder)
            values.append(embed(crop[None])[0])
        except InvalidInput:
            values.append(None)
            digest = ""
        digests.append(digest)
        progress(done, len(photos))
    length = next((len(value) for value in values if value is not None), 1)
    readable = np.array([value is not None for value in values], np.bool_)
    stacked = [np.zeros(length, np.float32) if value is None else value for value in values]
    return PhotoVectors(np.array(stacked, np.float32).reshape(-1, length), readable, tuple(digests))


@dataclass(frozen=True)
class ItemPicture:
    """A picture of an item.

    Args:
        item: its id.
        path: of the picture.
    """

    item: str
    path: str


def item_pictures(store: Store, per_item: int) -> list[ItemPicture]:
    """Return the pictures that stand for the items, main ones first.

    Merged items and hidden pictures are left out, and so are pictures on the web that are not kept.
    """
    with store.snapshot() as connection:
        rows = connection.execute(
            "SELECT items.id, images.path, (SELECT kept FROM picture_facts AS facts WHERE facts.image = images.image) "
            "FROM images JOIN items ON number = item WHERE merged_into IS NULL AND found_as IS NOT NULL "
            "AND position < ? ORDER BY number, position",
            (per_item,),
        ).fetchall()
    found = []
    for id, path, kept in rows:
        place = store.places(path if kept is None else f"pictures/{kept}")
        if not place.startswith(("http://", "https://")):
            found.append(ItemPicture(id, place))
    return found


def nearest_items(vectors: Floats, gallery: Floats, items: Sequence[str], k: int) -> list[list[tuple[str, float]]]:
    """Return the k nearest items of each vector with their cosines, best first."""
    names, places = np.unique(np.asarray(items), return_inverse=True)
    similarity = vectors @ gallery.T
    best = np.full((len(vectors), len(names)), -1.0, np.float32)
    for row in range(len(items)):
        place = places[row]
        np.maximum(best[:, place], similarity[:, row], out=best[:, place])
    order = np.argsort(-best, axis=1, kind="stable")[:, :k]
    return [
        [(str(names[column]), float(row[column])) for column in columns]
        for row, columns in zip(best, order, strict=True)
    ]
