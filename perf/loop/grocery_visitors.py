"""Simulated visitors of a grocery shop: what they photograph, and on what they click."""

from __future__ import annotations

import csv
import shutil
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
from PIL import Image

from perf.loop.grocery_start import NEW
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.click_log import Click
from whatsit.catalogue.store.search_counts import SearchCounts
from whatsit.catalogue.store.store import Store
from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.loop.turn.photo_vectors import item_pictures, nearest_items, open_embedder, photo_vectors
from whatsit.loop.turn.turn_state import read_json, write_json

_SHOWN, _DAYS, _SEED = 10, 7, 41
_PHOTOS = "photos.json"
TRUTH = "truth.json"
"""Photo -> item, beside the catalogue: what the simulation knows and the loop does not."""
VISITED = 0.6
"""First part of each new class's train photos, which visitors take; the rest and val measure."""


@dataclass(frozen=True)
class GroceryParts:
    """Photos of the data set by their part in the measurement.

    Args:
        visited: path and item of photos of new classes that visitors take.
        unseen: photos of new classes that nothing but the final figures sees.
        known: train photos of the classes that the start was trained on: they rehearse.
        control: val photos of these: the fixed set of the gate.
        groups: department of each item.
    """

    visited: list[tuple[Path, str]]
    unseen: list[tuple[Path, str]]
    known: list[tuple[Path, str]]
    control: list[tuple[Path, str]]
    groups: dict[str, str]


def grocery_parts(store: GroceryStore) -> GroceryParts:
    """Split the photos; those of one class keep their order, so that shots of one shelf stay together."""
    train, val = store.photos("train"), store.photos("val")
    visited: list[tuple[Path, str]] = []
    unseen: list[tuple[Path, str]] = []
    for label in NEW:
        photos = [(path, item.name) for path, item in train if item.label == label]
        cut = round(VISITED * len(photos))
        visited += photos[:cut]
        unseen += photos[cut:]
    unseen += [(path, item.name) for path, item in val if item.label in NEW]
    known = [(path, item.name) for path, item in train if item.label not in NEW]
    control = [(path, item.name) for path, item in val if item.label not in NEW]
    return GroceryParts(visited, unseen, known, control, {item.name: item.group for item in store.gallery()})


@dataclass(frozen=True)
class Visits:
    """What visitors did.

    Args:
        queries: photos that they searched with.
        clicks: choices of an item.
        wrong: of these, of another item than the photo shows.
        in_vain: photos whose item was not among those shown.
    """

    queries: int
    clicks: int
    wrong: int
    in_vain: int


def take_photos(folder: Path, catalogue: Path, network: Path, visited: list[tuple[Path, str]], queries: int) -> Path:
    """Write the visitors' photos, and what the shop shows for each; return the folder, which later turns use again.

    A visitor frames the thing: a random box of 70 to 100 % of the photo's sides. Photos of one shelf come together.

    Args:
        folder: where to.
        catalogue: of the shop.
        network: the embedder that serves it.
        visited: photos and their items.
        queries: how many.
    """
    if (folder / _PHOTOS).is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(_SEED)
    with Store(Layout(catalogue).store) as store, open_embedder(network) as embed:
        pictures = item_pictures(store, 1)
        gallery = photo_vectors([(one.path, None) for one in pictures], catalogue, embed).values
        items = [one.item for one in pictures]
        found = []
        for place in sorted(rng.integers(0, len(visited), queries).tolist()):
            path, item = visited[place]
            target = folder / f"{uuid.UUID(bytes=rng.bytes(16)).hex}.jpg"
            with Image.open(path) as photo:
                photo.convert("RGB").save(target, "JPEG", quality=92)
                box = _framed(photo.size, rng)
            vectors = photo_vectors([(str(target), box)], catalogue, embed).values
            shown = [id for id, _ in nearest_items(vectors, gallery, items, _SHOWN)[0]]
            found.append({"name": target.name, "item": item, "box": box, "shown": shown})
    write_json(folder / _PHOTOS, found)
    return folder


def simulate_visitors(catalogue: Path, photos: Path, wrong: float) -> Visits:
    """Let visitors search and click; what they leave is in the catalogue's log as the server writes it.

    One who means well clicks the right one of the first ten items if it is there, and says "none of these" if not; a
    wrong click is of another of the ten.

    Args:
        catalogue: its folder.
        photos: of `take_photos`.
        wrong: share of the visitors who click wrong.
    """
    taken = read_json(photos / _PHOTOS)
    rng = np.random.default_rng(_SEED)
    counts, clicks, wrongs = SearchCounts(), 0, 0
    folder = Layout(catalogue).clicks
    folder.mkdir(exist_ok=True)
    first = datetime.now(timezone.utc) - timedelta(days=_DAYS)
    with Store(Layout(catalogue).store) as store:
        for number, one in enumerate(taken):
            target = folder / one["name"]
            shutil.copyfile(photos / one["name"], target)
            item, shown = one["item"], one["shown"]
            made = first + timedelta(days=_DAYS * number / len(taken) * 0.99)
            bad = rng.random() < wrong
            other = str(rng.choice([id for id in shown if id != item]))
            click = other if bad else item if item in shown else ""
            x1, y1, x2, y2 = one["box"]
            store.clicks.record(Click(click, target, (x1, y1, x2, y2), "match" if click else "none"))
            with store.transaction() as connection:
                connection.execute(
                    "UPDATE clicks SET made = ? WHERE click = (SELECT max(click) FROM clicks)",
                    (made.isoformat(timespec="seconds"),),
                )
            clicks, wrongs = clicks + bool(click), wrongs + bad
            counts.count(made.date().isoformat(), "found" if shown[0] == item else "unsure", shown)
        counts.write(store)
    write_json(catalogue.parent / TRUTH, {one["name"]: one["item"] for one in taken})
    return Visits(len(taken), clicks, wrongs, len(taken) - clicks)


def _framed(size: tuple[int, int], rng: np.random.Generator) -> tuple[float, float, float, float]:
    sides = rng.uniform(0.7, 1.0, 2) * size
    x, y = rng.uniform(0, 1, 2) * (np.array(size) - sides)
    return float(x), float(y), float(x + sides[0]), float(y + sides[1])


def write_table(file: Path, photos: list[tuple[Path, str]], groups: dict[str, str] | None = None) -> Path:
    """Write a table of photos and items; return it."""
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["image", "label", "group"])
        writer.writerows([str(path.resolve()), item, (groups or {}).get(item, "")] for path, item in photos)
    return file
