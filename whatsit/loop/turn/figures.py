"""Figures of two networks on the fixed set, query by query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput
from whatsit_client.types import Box

from whatsit.loop.turn.collected_clicks import LabelledPhoto
from whatsit.loop.turn.loop_recipe import Evaluating
from whatsit.loop.turn.photo_vectors import Embed, Floats, ItemPicture, nearest_items, open_embedder, read_crop
from whatsit.rendering.photo import photograph
from whatsit.training.common.custom_data import read_table
from whatsit.vision.crop import crop_resize

_SEED = 23
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Figure:
    """Recall@1 of both networks on one set.

    Args:
        name: of the set.
        before: bool [n], whether the first item is right by the serving network.
        after: the same by the new one.
    """

    name: str
    before: npt.NDArray[np.bool_]
    after: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Query:
    """A photo of the fixed set and what both networks find.

    Args:
        photo: path, box and item.
        set: its name.
        before: id of the first item by the serving network.
        after: the same by the new one.
        margin: by how much the new network prefers a wrong item, cosine; negative where it is right.
        drawn: seed of a synthetic photograph of the picture, -1 where the photo itself was searched.
    """

    photo: LabelledPhoto
    set: str
    before: str
    after: str
    margin: float
    drawn: int = -1

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**self.__dict__, "photo": self.photo.to_record()}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Query:
        """Return it from JSON."""
        return cls(**{**record, "photo": LabelledPhoto.from_record(record["photo"])})


def read_control_photos(table: Path | None) -> list[LabelledPhoto]:
    """Read the table of photos whose item the owner knows."""
    if table is None:
        return []
    rows = read_table(table, ["label"])
    return [
        LabelledPhoto(str(row.image.resolve()), row.values["label"], group=row.values.get("group", "")) for row in rows
    ]


def measure_networks(
    networks: tuple[Path, Path],
    catalogue: Path,
    pictures: Sequence[ItemPicture],
    clicks: Sequence[LabelledPhoto],
    recipe: Evaluating,
    progress: Progress,
) -> list[Query]:
    """Search the fixed set with both networks, each in vectors of its own.

    Args:
        networks: files of the serving network and of the new one.
        catalogue: its folder.
        pictures: main pictures of the items.
        clicks: held-out ones.
        recipe: of the fixed set.
        progress: called with the network, queries done and their number.
    """
    control = read_control_photos(recipe.photos)
    shown = _gallery(pictures, {photo.item for photo in [*control, *clicks]}, recipe.gallery)
    ids = {picture.item for picture in shown}
    photos = [("photos", photo) for photo in control if photo.item in ids]
    photos += [("clicks", photo) for photo in clicks if photo.item in ids]
    drawn = [shown[int(i)] for i in np.random.default_rng(_SEED).permutation(len(shown))[: recipe.drawn]]
    queries = [*photos, *(("catalogue", LabelledPhoto(one.path, one.item)) for one in drawn)]
    found = []
    for name, network in zip(("serving", "new"), networks, strict=True):
        with open_embedder(network) as embed:
            found.append(_search(name, embed, queries, shown, catalogue, progress))
    (first, _), (second, margins) = found
    return [
        Query(photo, kind, before, after, margin, number if kind == "catalogue" else -1)
        for number, ((kind, photo), before, after, margin) in enumerate(
            zip(queries, first, second, margins, strict=True)
        )
        if before
    ]


def _gallery(pictures: Sequence[ItemPicture], needed: set[str], most: int) -> list[ItemPicture]:
    if len(pictures) <= most:
        return list(pictures)
    others = [picture for picture in pictures if picture.item not in needed]
    some = np.random.default_rng(_SEED).permutation(len(others))[: max(most - len(needed), 0)]
    chosen = {others[int(place)].item for place in some}
    return [picture for picture in pictures if picture.item in needed or picture.item in chosen]


def _search(
    name: str,
    embed: Embed,
    queries: Sequence[tuple[str, LabelledPhoto]],
    shown: Sequence[ItemPicture],
    catalogue: Path,
    progress: Progress,
) -> tuple[list[str], list[float]]:
    """Return the first item of each query, and by how much a wrong one leads.

    The item of an unreadable query is "".
    """
    total = len(queries) + len(shown)
    rows, items = [], []
    for done, picture in enumerate(shown, start=1):
        crop = query_crop(picture.path, None, catalogue)
        if crop is not None:
            rows.append(embed(crop[None])[0])
            items.append(picture.item)
        progress(name, done, total)
    gallery: Floats = np.stack(rows)
    firsts, margins = [], []
    for number, (kind, photo) in enumerate(queries):
        crop = query_crop(photo.path, photo.box, catalogue, number if kind == "catalogue" else -1)
        if crop is None:
            firsts.append("")
            margins.append(0.0)
            continue
        best = nearest_items(embed(crop[None]), gallery, items, len(items))[0]
        own = next((cosine for item, cosine in best if item == photo.item), -1.0)
        wrong = next((cosine for item, cosine in best if item != photo.item), -1.0)
        firsts.append(best[0][0])
        margins.append(round(wrong - own, 4))
        progress(name, len(shown) + number + 1, total)
    return firsts, margins


def query_crop(path: str, box: Box | None, catalogue: Path, drawn: int = -1) -> npt.NDArray[np.uint8] | None:
    """Return the crop of a photo, or of a synthetic photograph of it.

    None for an unreadable one.
    """
    try:
        crop, _ = read_crop(path, box, catalogue)
    except InvalidInput:
        return None
    if drawn < 0:
        return crop
    rng = np.random.default_rng([_SEED, drawn])
    photo, place = photograph(np.ascontiguousarray(crop.transpose(1, 2, 0)), rng, (224, 224), strength=0.6)
    return crop_resize(photo, np.asarray(place, np.float32))


def figures_of(queries: Sequence[Query], new_items: frozenset[str]) -> list[Figure]:
    """Return a figure for every set of queries, and for groups within it.

    Args:
        queries: of `measure_networks`.
        new_items: items whose clicks train.
    """
    sets: dict[str, list[Query]] = {}
    for query in queries:
        learnt = query.photo.item in new_items
        if query.set == "photos":
            sets.setdefault("Control photos", []).append(query)
            if query.photo.group:
                sets.setdefault(f"Control photos: {query.photo.group}", []).append(query)
        elif query.set == "clicks":
            sets.setdefault("Clicks that never train", []).append(query)
        else:
            sets.setdefault("Catalogue, clicked items" if learnt else "Catalogue, other items", []).append(query)
    return [
        Figure(
            name,
            np.array([query.before == query.photo.item for query in part], np.bool_),
            np.array([query.after == query.photo.item for query in part], np.bool_),
        )
        for name, part in sets.items()
    ]
