"""Domains of catalogue items and photos of them, for the probability of an answer."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from whatsit_client.types import Box

from whatsit.evaluation.datasets.grocery import GroceryStore, evenly_spread
from whatsit.rendering.photo import photograph
from whatsit.rendering.product import make_products
from whatsit.rendering.scene import make_scene
from whatsit.rendering.shop import catalogue_picture, save_jpeg
from whatsit.studies.unseen_products import splits
from whatsit.vision.decode import decode_image

SPLIT_SEED = 2026
HELD_OUT = 16
FOLDS = 5


@dataclass(frozen=True)
class CatalogueRow:
    """An item of a domain's catalogue."""

    id: str
    category: str
    images: tuple[Path, ...]


@dataclass(frozen=True)
class KnownPhoto:
    """A photo, the id of the item that it shows ("" for none of the catalogue's), and where it is in it."""

    file: Path
    id: str
    box: Box | None = None


@dataclass(frozen=True)
class Domain:
    """A catalogue and photos to look up in it.

    Args:
        name: of the domain.
        catalogue: name of the catalogue, which several domains may share.
        rows: the items.
        photos: of items and of strangers.
        fold: the fold's networks, which never saw the photos' items; None for the shipped ones.
    """

    name: str
    catalogue: str
    rows: tuple[CatalogueRow, ...]
    photos: tuple[KnownPhoto, ...]
    fold: int | None = None


def grocery(data: Path, split: str, without: Collection[int] = (), limit: int | None = None) -> Domain:
    """Return photos of the grocery data set and its shop images, less some classes."""
    store = GroceryStore(data / "grocery_store")
    rows = tuple(
        CatalogueRow(one.name, one.coarse, (one.image,)) for one in store.gallery() if one.label not in without
    )
    photos = [
        KnownPhoto(path, "" if one.label in without else one.name)
        for path, one in store.photos("val" if split == "val" else "train")
    ]
    name = f"grocery-{split}" + (f"-without{len(without)}" if without else "")
    return Domain(name, f"grocery{len(rows)}", rows, tuple(evenly_spread(photos, limit)))


def grocery_fold(data: Path, fold: int, alone: bool, photos: int = 80) -> Domain:
    """Return train photos of classes that a fold's embedder never saw.

    Args:
        data: the folder of the data sets.
        fold: 0..4.
        alone: the catalogue holds those classes alone, else all 81.
        photos: how many; the two kinds of catalogue have different ones.
    """
    held = set(splits(81, HELD_OUT, SPLIT_SEED)[fold])
    every = grocery(data, "train")
    names = {one.name for one in GroceryStore(data / "grocery_store").gallery() if one.label in held}
    shown = evenly_spread([one for one in every.photos if one.id in names], 2 * photos)[alone::2]
    rows = tuple(row for row in every.rows if row.id in names or not alone)
    kind = "alone" if alone else "all"
    return Domain(f"fold{fold}-{kind}", f"fold{fold}-{kind}", rows, tuple(shown), fold)


def rendered_shop(work: Path, seed: int, products: int, photos: int) -> Domain:
    """Return a drawn shop, every second photo a scene of several products with true boxes."""
    folder = work / f"shop{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    made = make_products(products, seed)
    rows, taken, number = [], list[KnownPhoto](), 0
    for product in made:
        _keep(folder / f"{product.id}.jpg", lambda product=product: catalogue_picture(product))  # type: ignore[misc]
        rows.append(CatalogueRow(product.id, product.category, (folder / f"{product.id}.jpg",)))
    dice = np.random.default_rng([seed, 5])
    while len(taken) < photos:
        file = folder / f"photo{number}.jpg"
        if number % 2:
            product, strength = made[int(dice.integers(len(made)))], float(dice.uniform(0.5, 1.0))
            image, _ = photograph(
                catalogue_picture(product), np.random.default_rng([seed, 31, number]), (480, 480), strength=strength
            )
            taken.append(KnownPhoto(file, product.id))
        else:
            scene = make_scene(made, np.random.default_rng([seed, 29, number]))
            image = scene.image
            for (x1, y1, x2, y2), shown in zip(scene.boxes.tolist(), scene.product_ids, strict=True):
                taken.append(KnownPhoto(file, shown, (x1, y1, x2, y2)))
        save_jpeg(file, image)
        number += 1
    return Domain(f"shop{seed}", f"shop{seed}", tuple(rows), tuple(taken[:photos]))


def rephotographed(data: Path, work: Path, name: str, items: int, seed: int) -> Domain:
    """Return the pictures of a data set as items, and synthetic photographs of every third."""
    folder = work / f"rephotographed-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    rows, taken = [], []
    dice = np.random.default_rng([seed, 3])
    for number, picture in enumerate(evenly_spread(sorted((data / name).rglob("*.jpg")), items)):
        rows.append(CatalogueRow(f"{number:04d}", "", (picture,)))
        if number % 3 == 0:
            file, strength = folder / f"{number:04d}.jpg", float(dice.uniform(0.5, 1.0))
            pixels = decode_image(picture.read_bytes(), max_side=800).pixels
            rng = np.random.default_rng([seed, number])
            image, _ = photograph(pixels, rng, (480, 480), strength=strength)
            save_jpeg(file, image)
            taken.append(KnownPhoto(file, f"{number:04d}"))
    return Domain(name, f"{name}-rephotographed", tuple(rows), tuple(taken))


def views(data: Path, name: str, photos: int, split: str = "") -> Domain:
    """Return one view of each product as the catalogue and the others as photos.

    Args:
        data: the folder of the data sets.
        name: of a data set with labels.csv.
        photos: at most so many.
        split: value of its column `split` for catalogue pictures; "" takes the first by name.
    """
    of: dict[str, list[tuple[str, Path]]] = {}
    with (data / name / "labels.csv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table):
            of.setdefault(row["label"], []).append((row.get("split", ""), data / name / row["image"]))
    rows, taken = [], []
    for label, pictures in sorted(of.items()):
        ordered = sorted(pictures, key=lambda one: (one[0] != split if split else False, one[1]))
        if split and ordered[0][0] != split:
            taken += [KnownPhoto(file, "") for _, file in ordered]
            continue
        rows.append(CatalogueRow(label, "", (ordered[0][1],)))
        taken += [KnownPhoto(file, label) for kind, file in ordered[1:] if not split or kind != split]
    return Domain(name, name, tuple(rows), tuple(evenly_spread(taken, photos)))


def strangers(data: Path, name: str, photos: int, of: Domain) -> Domain:
    """Return pictures of another data set as photos of nothing that a domain's catalogue holds."""
    shown = evenly_spread(sorted((data / name).rglob("*.jpg")), photos)
    photo_list = tuple(KnownPhoto(file, "") for file in shown)
    return Domain(f"{name}-in-{of.catalogue}", of.catalogue, of.rows, photo_list, of.fold)


def training_domains(data: Path, work: Path) -> dict[str, Callable[[], Domain]]:
    """Return the domains that the shipped model is fitted to, none of which its embedder saw.

    All of them may train what ships (see docs/data.md).
    """
    garments = lambda: rephotographed(data, work, "clothing_rest", 360, 1)  # noqa: E731
    return {
        "shop701": lambda: rendered_shop(work, 701, 300, 200),
        "shop702": lambda: rendered_shop(work, 702, 90, 150),
        "garments": garments,
        "other garments": lambda: strangers(data, "clothing_small", 160, garments()),
        "screenshots": lambda: rephotographed(data, work, "screenshots_aws", 220, 2),
        "pictures": lambda: rephotographed(data, work, "imagenet_sample", 360, 3),
        "packaged goods": lambda: views(data, "arc2017_items", 100, split="cutout"),
        **{
            f"fold {fold}{' alone' if alone else ''}": lambda fold=fold, alone=alone: grocery_fold(data, fold, alone)  # type: ignore[misc]
            for fold in range(FOLDS)
            for alone in (False, True)
        },
    }


def measured_domains(data: Path, work: Path) -> dict[str, Callable[[], Domain]]:
    """Return the domains that the shipped model is measured on; it was fitted to none of them."""
    sixteen = tuple(label for label in range(81) if label % 5 == 2)
    part = lambda: grocery(data, "val", sixteen)  # noqa: E731
    others = ("ikea", "magento1_madison", "bsds500", "clothing_small")
    return {
        "grocery val": lambda: grocery(data, "val"),
        "grocery val, 16 of 81 classes taken out": part,
        **{f"{name} as strangers": lambda name=name: strangers(data, name, 50, part()) for name in others},  # type: ignore[misc]
        "magento2_luma": lambda: views(data, "magento2_luma", 130),
        "magento1_madison": lambda: views(data, "magento1_madison", 80),
        "rendered shop": lambda: rendered_shop(work, 5, 300, 130),
    }


def summary(domains: Mapping[str, Domain]) -> str:
    """Return the number of items and photos of each domain, a line each."""
    return "\n".join(f"{name}: {len(one.rows)} items, {len(one.photos)} photos" for name, one in domains.items())


def _keep(file: Path, make: Callable[[], np.ndarray]) -> None:  # type: ignore[type-arg]
    if not file.exists():
        save_jpeg(file, make())
