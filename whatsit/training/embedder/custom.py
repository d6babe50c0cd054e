"""Training of the embedder on custom products: folders of pictures or a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.evaluation.datasets.grocery import GroceryClass, GroceryStore
from whatsit.evaluation.metrics.recall import recall_at_k
from whatsit.models.embedder import CROP_SIZE, Embedder
from whatsit.training.common.custom_data import CustomData, hold_out, read_folders, read_table
from whatsit.training.embedder.augment import Image
from whatsit.training.embedder.data import GroceryParts, ingredients
from whatsit.training.embedder.embed_batch import vectors_of
from whatsit.training.embedder.mixture import Ingredient
from whatsit.training.embedder.picture_sources import PhotoSource
from whatsit.training.embedder.recipe import EmbedderRecipe
from whatsit.training.embedder.validation import EmbedderValidation

_MOST_QUERIES = 400
_FEW_PICTURES = 3


class Validation(Protocol):
    """Validation of the embedder during training."""

    def measure(self, network: Embedder) -> dict[str, float]:
        """Return figures by name."""


@dataclass(frozen=True)
class EmbedderContent:
    """All that the embedder's task needs of data.

    Args:
        ingredients: sources; the first gives an epoch its length.
        validation: measures.
        products: labels below it are single products, which alignment may pull together.
        parts: the grocery photos, None without built-in data sets.
        classes: of the groceries, for the heads of several tasks; empty without built-in data sets.
    """

    ingredients: list[Ingredient]
    validation: Validation
    products: int
    parts: GroceryParts | None
    classes: Sequence[GroceryClass]


def embedder_content(recipe: EmbedderRecipe, data: Path) -> EmbedderContent:
    """Read the built-in data sets, custom products, or both by share.

    Raises:
        InvalidInput: data is missing, or the recipe has tasks beside custom data.
    """
    custom = recipe.custom
    if custom is not None and recipe.tasks:
        raise InvalidInput("training.tasks needs the categories of the grocery photos: leave it out with own data.")
    if custom is not None and custom.alone:
        items = CustomProducts(custom, recipe)
        return EmbedderContent([items.ingredient(custom.share)], items, items.train.classes, None, [])
    store = GroceryStore(data / "grocery_store")
    parts = GroceryParts(store, recipe)
    built_in, validation = ingredients(recipe, data, parts), EmbedderValidation(parts, recipe.shares.rendered > 0)
    if custom is None:
        return EmbedderContent(built_in, validation, parts.shop.classes, parts, store.classes)
    items = CustomProducts(custom, recipe)
    return EmbedderContent(
        [items.ingredient(custom.share), *_behind(built_in, items.train.classes, 1 - custom.share)],
        Both(items, validation),
        items.train.classes,
        parts,
        store.classes,
    )


class CustomProducts:
    """Custom pictures, split into training and validation.

    A table names products by `label`, or by `id`: the file of a catalogue fits. Where the data names no split, every
    fifth picture of a product is held out. Products with fewer pictures train with all of them; where that leaves
    nothing to measure, synthetic photographs of the pictures do: they tell how well a picture is known again, not how
    well a product is.

    Attributes:
        train: pictures to train on, the gallery of the measure.
        names: of the products, by label.

    Args:
        custom: where the pictures are.
        recipe: how views are made.

    Raises:
        InvalidInput: no data is named, a file is missing, or there are not two products.
    """

    def __init__(self, custom: CustomData, recipe: EmbedderRecipe) -> None:
        train, val = _split(custom)
        self.names = sorted({name for _, name in train})
        if len(self.names) < 2:
            raise InvalidInput("The embedder learns to tell products apart: pass pictures of at least two.")
        number = {name: label for label, name in enumerate(self.names)}
        kept = [(path, name) for path, name in val if name in number]
        labels = [number[name] for _, name in train]
        self.train = PhotoSource([path for path, _ in train], labels, photographed=recipe.photographed)
        self.val = PhotoSource([path for path, _ in kept], [number[name] for _, name in kept])

    def ingredient(self, share: float) -> Ingredient:
        """Return the training pictures as an ingredient of the mixture."""
        pictures = len(self.train.labels) / len(self.names)
        return Ingredient(self.train, share, views=1 if pictures >= _FEW_PICTURES else 2)

    def measure(self, network: Embedder) -> dict[str, float]:
        """Return `custom_r1`, `custom_r5`: recall@k against the training pictures.

        Of held-out pictures where there are any, else of synthetic photographs of training pictures.
        """
        gallery = vectors_of(network, [self.train.plain(i, CROP_SIZE) for i in range(len(self.train.labels))])
        queries, truth = self._queries()
        recall = recall_at_k(vectors_of(network, queries), gallery, truth, self.train.labels)
        return {f"custom_r{k}": value for k, value in recall.items()}

    def _queries(self) -> tuple[list[Image], npt.NDArray[np.int64]]:
        if len(self.val.labels):
            return [self.val.plain(i, CROP_SIZE) for i in range(len(self.val.labels))], self.val.labels
        seen = PhotoSource(self.train.files, self.train.labels.tolist(), photographed=1.0)
        chosen = np.arange(len(seen.labels))[:: -(-len(seen.labels) // _MOST_QUERIES)]
        views = [seen.view(int(i), CROP_SIZE, np.random.default_rng([9, int(i)])) for i in chosen]
        return views, seen.labels[chosen]


class Both:
    """Two measures side by side."""

    def __init__(self, *measures: Validation) -> None:
        self._measures = measures

    def measure(self, network: Embedder) -> dict[str, float]:
        """Return the figures of both."""
        return {name: value for measure in self._measures for name, value in measure.measure(network).items()}


def _split(custom: CustomData) -> tuple[list[tuple[Path, str]], list[tuple[Path, str]]]:
    """Return (path, product) of the training and of the validation pictures."""
    if custom.csv is not None:
        rows = read_table(custom.csv, [])
        column = next((name for name in ("label", "id") if name in rows[0].values), None)
        if column is None:
            raise InvalidInput(f"The table {custom.csv} has neither a column 'label' nor 'id' that names the product.")
        for row in rows:
            if not row.values[column]:
                raise InvalidInput(f"{row.where}: the {column} is empty: name the product.")
        if any(row.split == "val" for row in rows):
            pairs = [(row.image, row.values[column], row.split) for row in rows]
            return [(p, n) for p, n, s in pairs if s != "val"], [(p, n) for p, n, s in pairs if s == "val"]
        found = [(row.image, row.values[column]) for row in rows]
    elif custom.photos is not None:
        found = read_folders(custom.photos)
    else:
        raise InvalidInput("The embedder trains on products: pass --photos with a folder of each, or --csv.")
    train, val = [], []
    for product in dict.fromkeys(name for _, name in found):
        kept, held = hold_out([path for path, name in found if name == product])
        train += [(path, product) for path in kept]
        val += [(path, product) for path in held]
    return train, val


def _behind(built_in: Sequence[Ingredient], first: int, share: float) -> list[Ingredient]:
    """Renumber the built-in sources from label `first` and scale their shares."""
    whole = sum(i.share for i in built_in)
    return [Ingredient(i.source, share * i.share / whole, i.views, first + i.first_label) for i in built_in]
