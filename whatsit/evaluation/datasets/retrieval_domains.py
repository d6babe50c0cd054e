"""Retrieval domains: queries and galleries with the truth.

Most are sets that no shipped network was trained on. Real ones hold several pictures of a thing; the synthetic ones
photograph each picture (`whatsit.rendering.photo`, strength 1, the poorest) and look for the picture itself.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.evaluation.datasets.clothing import Clothing
from whatsit.evaluation.datasets.grocery import GroceryStore, evenly_spread
from whatsit.evaluation.datasets.labelled_pictures import read_rgb
from whatsit.rendering.photo import photograph
from whatsit.rendering.printed_covers import draw_cover
from whatsit.vision.crop import crop_resize

Image = npt.NDArray[np.uint8]
_SEED = 7
_COVERS, _COVER_SEED = 300, 12
_VIEWS = (
    ("magento1_madison", "another view", "labels.csv"),
    ("arc2017_items", "another view", "labels.csv"),
    ("flickr_logos27", "another picture", "crops.csv"),
    ("magento2_luma", "another view", "labels.csv"),
)


@dataclass(frozen=True)
class RetrievalDomain:
    """Queries and a gallery with the truth.

    Args:
        name: of the domain, for tables.
        queries: yields the pictures of the queries, uint8 [3, size, size], for a size in pixels.
        gallery: likewise; None where each query is searched among the other queries.
        relevant: for each query the places in the gallery that are right; a query without any is not counted.
    """

    name: str
    queries: Callable[[int], Iterator[Image]]
    gallery: Callable[[int], Iterator[Image]] | None
    relevant: Sequence[Sequence[int]]


def real_domains(data: Path, limit: int | None = None) -> list[RetrievalDomain]:
    """Return the domains of real pictures, groceries and garments first.

    Args:
        data: the folder of the data sets; a set that is not there is left out.
        limit: queries of each grocery and garment domain, evenly spread.
    """
    found: list[RetrievalDomain] = []
    if (data / "grocery_store").is_dir():
        found += _groceries(GroceryStore(data / "grocery_store"), limit)
    if (data / "clothing_small").is_dir():
        found.append(_garments(Clothing(data / "clothing_small"), limit))
    for folder, what, table in _VIEWS:
        if (data / folder).is_dir():
            found.append(_other_views(f"{folder}, {what}", data / folder, table))
    return [*found, _rooms(data / "ikea")] if (data / "ikea").is_dir() else found


def photographed_domains(data: Path, count: int = 300) -> list[RetrievalDomain]:
    """Return the domains of synthetic photographs.

    Args:
        data: the folder of the data sets; a set that is not there is left out.
        count: queries of each domain, evenly spread over its pictures.
    """
    domains = []
    if (data / "bsds500").is_dir() and (data / "imagenet_sample").is_dir():
        domains.append(_covers(data, min(count, _COVERS)))
    if (data / "clothing_small").is_dir():
        clothing = Clothing(data / "clothing_small")
        files = [*clothing.queries(), *clothing.gallery()]
        domains.append(_photographed("clothing_small, photographed", files, min(count, len(clothing.queries()))))
    for folder in ("ikea", "magento2_luma"):
        if (data / folder).is_dir():
            files = [data / folder / row["image"] for row in _rows(data / folder / "labels.csv")]
            chosen = evenly_spread(list(range(len(files))), count)
            domains.append(_photographed(f"{folder}, photographed", files, chosen))
    return domains


def _groceries(store: GroceryStore, limit: int | None) -> list[RetrievalDomain]:
    shop = [c.image for c in store.gallery()]
    pairs = evenly_spread(list(zip(store.queries(), store.truth(), strict=True)), limit)
    photos, labels = [p for p, _ in pairs], [label for _, label in pairs]
    train, of_train = store.queries("train"), [*store.truth("train"), *range(len(shop))]
    return [
        RetrievalDomain("grocery val, to shop images", _files(photos), _files(shop), [[label] for label in labels]),
        RetrievalDomain(
            "grocery val, to train and shop", _files(photos), _files([*train, *shop]), _places(labels, of_train)
        ),
    ]


def _garments(clothing: Clothing, limit: int | None) -> RetrievalDomain:
    pairs = evenly_spread(list(zip(clothing.queries(), clothing.truth(), strict=True)), limit)
    relevant = _places([label for _, label in pairs], clothing.gallery_truth())
    return RetrievalDomain(
        "clothing validation, to train, class", _files([p for p, _ in pairs]), _files(clothing.gallery()), relevant
    )


def _other_views(name: str, folder: Path, table: str) -> RetrievalDomain:
    rows = _rows(folder / table)
    labels = [row["label"] for row in rows]
    return RetrievalDomain(name, _files([folder / row["image"] for row in rows]), None, _places(labels, labels))


def _rooms(folder: Path) -> RetrievalDomain:
    pairs = [(row["item"], row["room"]) for row in _rows(folder / "item_room.csv")]
    rooms, items = sorted({room for _, room in pairs}), sorted({item for item, _ in pairs})
    place = {room: k for k, room in enumerate(rooms)}
    relevant = [[place[room] for other, room in pairs if other == item] for item in items]
    return RetrievalDomain(
        "ikea, an item's room", _files([folder / item for item in items]), _files([folder / r for r in rooms]), relevant
    )


def _photographed(name: str, files: Sequence[Path], queries: int | Sequence[int]) -> RetrievalDomain:
    chosen = list(range(queries)) if isinstance(queries, int) else list(queries)

    def photos(size: int) -> Iterator[Image]:
        for k in chosen:
            photo, box = photograph(read_rgb(files[k]), np.random.default_rng([_SEED, k]), strength=1.0)
            yield crop_resize(photo, box, size)

    return RetrievalDomain(name, photos, _files(files), [[k] for k in chosen])


def _covers(data: Path, count: int) -> RetrievalDomain:
    """Drawn covers with a photograph on them, photographed before natural scenes."""
    prints = sorted((data / "imagenet_sample").rglob("*.jp*g"))
    grounds = sorted((data / "bsds500").rglob("*.jpg"))

    def cover(k: int) -> Image:
        return draw_cover(read_rgb(prints[k % len(prints)]), k, _COVER_SEED)

    def photos(size: int) -> Iterator[Image]:
        for k in range(count):
            ground = read_rgb(grounds[k % len(grounds)])
            photo, box = photograph(cover(k), np.random.default_rng([_SEED, k]), (384, 384), ground, strength=1.0)
            yield crop_resize(photo, box, size)

    def gallery(size: int) -> Iterator[Image]:
        return (crop_resize(cover(k), size=size) for k in range(_COVERS))

    return RetrievalDomain("drawn covers, photographed", photos, gallery, [[k] for k in range(count)])


def _files(files: Iterable[Path]) -> Callable[[int], Iterator[Image]]:
    paths = list(files)
    return lambda size: (crop_resize(read_rgb(path), size=size) for path in paths)


def _places(labels: Sequence[object], known: Sequence[object]) -> list[list[int]]:
    """Return for each label its places among the known ones."""
    places: dict[object, list[int]] = {}
    for place, label in enumerate(known):
        places.setdefault(label, []).append(place)
    return [places.get(label, []) for label in labels]


def _rows(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise InvalidInput(f"The table {table} cannot be read: fetch the data set again.") from error
