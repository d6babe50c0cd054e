"""The embedder's data: which pictures train it and which measure it."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

from whatsit_client.errors import InvalidInput

from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.training.embedder.cover_source import CoverSource
from whatsit.training.embedder.mixture import Ingredient
from whatsit.training.embedder.picture_sources import PhotoSource, PictureSource, ShopSource
from whatsit.training.embedder.recipe import EmbedderRecipe
from whatsit.training.embedder.rendered_source import RenderedSource


class GroceryParts:
    """Grocery photos, split into training and held-out sets.

    Attributes:
        train: photos to train on.
        shop: all 81 shop images, the gallery of every measure.
        shop_train: those of them that may be trained on.
        held_out: the last photos of each class in training, or empty.
        unseen: all train photos of held-out classes, or empty.
        val: the photos of val.txt whose class is trained on.
    """

    def __init__(self, store: GroceryStore, recipe: EmbedderRecipe) -> None:
        out = set(recipe.held_out_classes)
        by_class = defaultdict[int, list[Path]](list)
        for path, label in zip(store.queries("train"), store.truth("train"), strict=True):
            by_class[label].append(path)
        train: list[tuple[Path, int]] = []
        held_out: list[tuple[Path, int]] = []
        unseen: list[tuple[Path, int]] = []
        for label, paths in sorted(by_class.items()):
            keep = len(paths) - round(recipe.held_out_photos * len(paths))
            (unseen if label in out else train).extend((p, label) for p in (paths if label in out else paths[:keep]))
            held_out.extend((p, label) for p in paths[keep:] if label not in out)
        val = list(zip(store.queries("val"), store.truth("val"), strict=True))
        gallery = [(c.image, c.label) for c in store.gallery()]
        self.train, self.held_out, self.unseen = _photos(train), _photos(held_out), _photos(unseen)
        self.val = _photos([pair for pair in val if pair[1] not in out])
        self.shop = _shop(gallery)
        self.shop_train = _shop([pair for pair in gallery if pair[1] not in out], recipe.photographed)

    def measured(self) -> dict[str, PhotoSource]:
        """Return the sets of photos to validate on, by name."""
        sets = {"val": self.val, "held_out": self.held_out, "unseen": self.unseen}
        return {name: photos for name, photos in sets.items() if len(photos.labels)}


def ingredients(recipe: EmbedderRecipe, data: Path, grocery: GroceryParts) -> list[Ingredient]:
    """Return the ingredients of the recipe, grocery photos first.

    Raises:
        InvalidInput: a source that the recipe asks for is not under `data`.
    """
    shares = recipe.shares
    first = max(grocery.train.classes, grocery.shop_train.classes)
    mixed = [Ingredient(grocery.train, shares.photos)] if shares.photos else []
    if shares.shop:
        mixed.append(Ingredient(grocery.shop_train, shares.shop))
    others: list[tuple[float, int, PictureSource]] = []
    if shares.clothing:
        views = 2 if recipe.simclr_weight else 1
        others.append((shares.clothing, views, _folders(data / "clothing_small" / "train", recipe.photographed)))
    if shares.scenes:
        pictures, _ = trained_and_kept_out(data / "imagenet_sample")
        scenes = PhotoSource(pictures, smallest=0.5, photographed=recipe.photographed)
        others.append((shares.scenes, 2, scenes))
    if shares.rendered:
        others.append((shares.rendered, 2, RenderedSource(recipe.rendered_products, recipe.rendered_seed)))
    if shares.wardrobe:
        garments, _ = trained_and_kept_out(data / "clothing_rest" / "images")
        others.append((shares.wardrobe, 2, PhotoSource(garments, photographed=recipe.photographed)))
    if shares.views:
        others.append((shares.views, 2, _several_views(data / "magento2_luma", recipe.photographed)))
    if shares.covers:
        pictures, _ = trained_and_kept_out(data / "imagenet_sample")
        covers = CoverSource(pictures, recipe.covers, recipe.rendered_seed)
        others.append((shares.covers, 2, covers))
    for share, views, source in others:
        mixed.append(Ingredient(source, share, views, first))
        first += source.classes
    return mixed


def _folders(folder: Path, photographed: float) -> PhotoSource:
    """Return the photos of a folder that holds a sub-folder for each class."""
    names = sorted(p.name for p in folder.glob("*") if p.is_dir())
    labelled = [(path, label) for label, name in enumerate(names) for path in _pictures(folder / name)]
    if not labelled:
        raise InvalidInput(f"{folder} holds no folders of pictures: pass --data, or set its share to 0.")
    return _photos(labelled, photographed)


def trained_and_kept_out(folder: Path) -> tuple[list[Path], list[Path]]:
    """Split a folder's pictures, sorted by name: every fifth is never trained on.

    Those serve the fit of answers, for which a network must not know the things.

    Raises:
        InvalidInput: the folder holds no pictures.
    """
    every = _pictures(folder)
    return [p for k, p in enumerate(every) if k % 5 != 4], every[4::5]


def _several_views(folder: Path, photographed: float) -> PhotoSource:
    """Return the pictures of products in several views, labelled by product."""
    table = folder / "labels.csv"
    if not table.is_file():
        raise InvalidInput(f"There is no {table}: pass --data, or set the share of views to 0.")
    with table.open(newline="", encoding="utf-8") as file:
        pairs = [(folder / row["image"], row["label"]) for row in csv.DictReader(file)]
    number = {label: k for k, label in enumerate(dict.fromkeys(label for _, label in pairs))}
    return _photos([(path, number[label]) for path, label in pairs], photographed)


def _pictures(folder: Path) -> list[Path]:
    found = sorted(p for p in folder.glob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
    if not found:
        raise InvalidInput(f"{folder} holds no pictures: pass --data, or set its share to 0 in the recipe.")
    return found


def _photos(pairs: list[tuple[Path, int]], photographed: float = 0.0) -> PhotoSource:
    return PhotoSource([path for path, _ in pairs], [label for _, label in pairs], photographed=photographed)


def _shop(pairs: list[tuple[Path, int]], photographed: float = 0.0) -> ShopSource:
    return ShopSource([path for path, _ in pairs], [label for _, label in pairs], photographed=photographed)
