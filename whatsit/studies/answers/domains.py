"""Domains of catalogue items and photos of them, for the probability of an answer."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from whatsit_client.types import Box

from whatsit.evaluation.datasets.grocery import GroceryStore, evenly_spread
from whatsit.rendering.photo import photograph
from whatsit.rendering.printed_covers import draw_cover, photograph_of
from whatsit.rendering.printed_labels import draw_label
from whatsit.rendering.product import Product, make_products
from whatsit.rendering.scene import make_scene
from whatsit.rendering.shop import catalogue_picture, save_jpeg
from whatsit.studies.unseen_products import splits
from whatsit.training.embedder.data import trained_and_kept_out
from whatsit.vision.decode import decode_image

SPLIT_SEED = 2026
HELD_OUT = 16
FOLDS = 5
STRANGERS = ("ikea", "magento1_madison", "bsds500", "clothing_small")


@dataclass(frozen=True)
class CatalogueRow:
    """An item of a domain's catalogue."""

    id: str
    category: str
    images: tuple[Path, ...]


@dataclass(frozen=True)
class KnownPhoto:
    """A photo, the id of its item ("" for none of the catalogue's), and its box."""

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
    """Return a drawn shop; every second photo is a scene with true boxes."""
    folder = work / f"shop{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    made = make_products(products, seed)
    rows, taken, number = [], list[KnownPhoto](), 0
    for product in made:
        _keep(folder / f"{product.id}.jpg", product)
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


def rephotographed(pictures: Sequence[Path], work: Path, name: str, seed: int) -> Domain:
    """Return pictures as items, and every third photographed."""
    folder = work / f"rephotographed-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    rows, taken = [], []
    dice = np.random.default_rng([seed, 3])
    for number, picture in enumerate(pictures):
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


def drawn_prints(data: Path, work: Path, name: str, seed: int, items: int, photos: int) -> Domain:
    """Return drawn labels or covers and synthetic photographs of some."""
    folder = work / f"{name}{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    pictures = sorted((data / "imagenet_sample").rglob("*.jpg"))
    rows: list[CatalogueRow] = []
    taken: list[KnownPhoto] = []
    dice = np.random.default_rng([seed, 7])
    for number in range(items):
        file = folder / f"{number}.jpg"
        if name == "labels":
            drawn = draw_label(number, seed, 480)
        else:
            inner = decode_image(pictures[photograph_of(number)].read_bytes(), max_side=800).pixels
            drawn = draw_cover(inner, number, seed)
        save_jpeg(file, drawn)
        rows.append(CatalogueRow(f"{name}-{number}", "", (file,)))
        if len(taken) * items < number * photos:
            photo, _ = photograph(
                drawn, np.random.default_rng([seed, number]), (720, 720), strength=float(dice.uniform(0.4, 1.0))
            )
            save_jpeg(folder / f"photo{number}.jpg", photo)
            taken.append(KnownPhoto(folder / f"photo{number}.jpg", f"{name}-{number}"))
    return Domain(f"{name}{seed}", f"{name}{seed}", tuple(rows), tuple(taken))


def prints(folder: Path, name: str) -> Domain:
    """Return the labels or covers of `perf.identify.geometry_prints make`."""
    rows = tuple(CatalogueRow(file.stem, "", (file,)) for file in sorted((folder / name).glob("*.jpg")))
    photos = sorted((folder / f"{name}-photos").glob("*.jpg"))
    return Domain(
        name, name, rows, tuple(KnownPhoto(file, f"{name}-{file.stem.rpartition('-')[2]}") for file in photos)
    )


def strangers(data: Path, name: str, photos: int, of: Domain) -> Domain:
    """Return another data set's pictures as photos of strangers to a domain."""
    shown = evenly_spread(sorted((data / name).rglob("*.jpg")), photos)
    photo_list = tuple(KnownPhoto(file, "") for file in shown)
    return Domain(f"{name}-in-{of.catalogue}", of.catalogue, of.rows, photo_list, of.fold)


def training_domains(data: Path, work: Path) -> dict[str, Callable[[], Domain]]:
    """Return the domains that the shipped model is fitted to, unseen by embedders.

    All of them may train what ships (see docs/data.md).
    """
    _, kept_out = trained_and_kept_out(data / "clothing_rest" / "images")
    garments = partial(rephotographed, kept_out, work, "clothing_rest", 1)
    _, pictures = trained_and_kept_out(data / "imagenet_sample")
    screenshots = evenly_spread(sorted((data / "screenshots_aws").rglob("*.jpg")), 220)
    domains: dict[str, Callable[[], Domain]] = {
        "shop701": partial(rendered_shop, work, 701, 300, 200),
        "shop702": partial(rendered_shop, work, 702, 90, 150),
        "garments": garments,
        "other garments": lambda: strangers(data, "clothing_small", 160, garments()),
        "screenshots": partial(rephotographed, screenshots, work, "screenshots_aws", 2),
        "pictures": partial(rephotographed, pictures, work, "imagenet_sample", 3),
        "packaged goods": partial(views, data, "arc2017_items", 100, "cutout"),
        "drawn labels": partial(drawn_prints, data, work, "labels", 11, 240, 120),
        "drawn covers": partial(drawn_prints, data, work, "covers", 11, 240, 120),
    }
    for fold in range(FOLDS):
        domains[f"fold {fold}"] = partial(grocery_fold, data, fold, False)
        domains[f"fold {fold} alone"] = partial(grocery_fold, data, fold, True)
    return domains


def measured_domains(data: Path, work: Path, printed: Path | None = None) -> dict[str, Callable[[], Domain]]:
    """Return the domains to measure on; the shipped model was fitted to none."""
    sixteen = tuple(label for label in range(81) if label % 5 == 2)
    part = partial(grocery, data, "val", sixteen)

    def others(name: str) -> Domain:
        return strangers(data, name, 50, part())

    return {
        "grocery val": partial(grocery, data, "val"),
        "grocery val, 16 of 81 classes taken out": part,
        **{f"{name} as strangers": partial(others, name) for name in STRANGERS},
        "magento2_luma": partial(views, data, "magento2_luma", 130),
        "magento1_madison": partial(views, data, "magento1_madison", 80),
        "rendered shop": partial(rendered_shop, work, 5, 300, 130),
        **({} if printed is None else {name: partial(prints, printed, name) for name in ("labels", "covers")}),
    }


def _keep(file: Path, product: Product) -> None:
    if not file.exists():
        save_jpeg(file, catalogue_picture(product))
