"""Grocery catalogues for studies of ranking.

They hold shop images alone, with train photos, or with classes left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path

from whatsit.calibration.calibrator import Calibrator, Photo
from whatsit.calibration.ranker_examples import Examples, collect
from whatsit.catalogue.ingest.add import add_to_catalogue
from whatsit.catalogue.layout import Layout
from whatsit.evaluation.datasets.grocery import GroceryStore, evenly_spread
from whatsit.pipeline.networks import Networks
from whatsit.search.offline_identifier import OfflineIdentifier

Advanced = Callable[[str, int, int], None]
Fit = Callable[[Examples, Path], object]

# As in the embedder's figures.
LEFT_OUT_EVERY, LEFT_OUT_AT = 5, 2


def left_out(label: int) -> bool:
    """Return whether a class is one of the 16 left out for open-set figures."""
    return label % LEFT_OUT_EVERY == LEFT_OUT_AT


def grocery_catalogue(
    store: GroceryStore,
    work: Path,
    advanced: Advanced,
    with_train: bool = False,
    without: Collection[int] = (),
    geometry: bool = True,
) -> Path:
    """Publish a catalogue; existing items are not embedded again.

    Args:
        store: the data set.
        work: where it is built and kept.
        advanced: called with the step, how much of it is done, and its total.
        with_train: the train photos are pictures of their items too.
        without: labels of classes that are left out.
        geometry: with local features and visual words.
    """
    name = "grocery" + ("-train" if with_train else "") + (f"-without{len(without)}" if without else "")
    name += "" if geometry else "-vectors"
    pictures = {item.label: [item.image] for item in store.gallery() if item.label not in without}
    if with_train:
        for path, item in store.photos("train"):
            if item.label in pictures:
                pictures[item.label].append(path)
    source = work / f"{name}.jsonl"
    work.mkdir(parents=True, exist_ok=True)
    with source.open("w", encoding="utf-8") as file:
        for item in store.gallery():
            if item.label in pictures:
                images = [str(path.resolve()) for path in pictures[item.label]]
                row = {"id": item.name, "title": item.name, "category": item.coarse, "images": images}
                file.write(json.dumps(row) + "\n")
    catalogue = work / f"{name}.catalogue"
    add_to_catalogue(
        catalogue,
        source,
        geometry=geometry,
        progress=lambda done, total, _: advanced(f"indexing {name}", done, total),
        publish=True,
    )
    return catalogue


def train_photos(store: GroceryStore, calibrator: Calibrator, limit: int) -> list[Photo]:
    """Return evenly spread train photos of the classes that a catalogue holds."""
    items = calibrator.numbers()
    known = [Photo(path, items[item.name], item.name) for path, item in store.photos("train") if item.name in items]
    return evenly_spread(known, limit)


def prepare_ranker(store: GroceryStore, catalogue: Path, limit: int, advanced: Advanced, real: bool, fit: Fit) -> None:
    """Train a catalogue's ranker.

    Args:
        store: the data set.
        catalogue: one of `grocery_catalogue`.
        limit: photos.
        advanced: called with the step, how much of it is done, and its total.
        real: on train photos; else on synthetic ones, for catalogues that hold the train photos.
        fit: writes a ranker trained on the examples to the path.
    """
    with Networks() as networks:
        calibrator, identifier = Calibrator(catalogue, networks), OfflineIdentifier(catalogue, networks)
        photos = train_photos(store, calibrator, limit) if real else calibrator.synthetic(limit)
        examples = collect(
            calibrator,
            identifier,
            photos,
            lambda done, total: advanced("searching photos for the ranker", done, total),
        )
    fit(examples, Layout(catalogue).ranker)
