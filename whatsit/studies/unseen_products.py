"""Study of unseen products: grocery classes are held out in turn.

Each split leaves 16 of the 81 classes out of training and searches their photos among their 16 shop images. To afford
several splits on a CPU, layers 0 to 10 stay frozen and every run shares one set of views drawn beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from torch import Tensor, nn

from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.evaluation.metrics.recall import recall_at_k
from whatsit.models.embedder import CROP_SIZE, Embedder
from whatsit.models.mobilenet_v2 import pooled
from whatsit.training.common import run_checkpoint as checkpoint
from whatsit.training.common.loop import fit
from whatsit.training.common.prefetch import prefetch
from whatsit.training.common.progress import counted
from whatsit.training.common.wise_ft import wise_ft
from whatsit.training.embedder.cached_views import CachedViews, Maps, cached_maps
from whatsit.training.embedder.data import GroceryParts, ingredients
from whatsit.training.embedder.losses.center_loss import center_loss
from whatsit.training.embedder.losses.metric_losses import class_loss
from whatsit.training.embedder.losses.simclr import positive_pairs, simclr_loss
from whatsit.training.embedder.mixture import Ingredient, Mixture
from whatsit.training.embedder.picture_sources import PictureSource
from whatsit.training.embedder.recipe import EmbedderRecipe

FROZEN_BLOCKS = 10
VIEWS = {"photos": 2, "shop": 8, "clothing": 1, "scenes": 2, "rendered": 4}
"""Views of each picture drawn beforehand, by source."""

Batch = tuple[Tensor, Tensor]


def splits(classes: int, held_out: int, seed: int) -> list[tuple[int, ...]]:
    """Split the shuffled classes into disjoint sorted groups of `held_out`."""
    order = np.random.default_rng(seed).permutation(classes)
    groups = [order[first : first + held_out] for first in range(0, classes - held_out + 1, held_out)]
    return [tuple(sorted(int(label) for label in group)) for group in groups]


@dataclass(frozen=True)
class UnseenRow:
    """Recall of one network on the held-out classes.

    Attributes:
        network: "frozen", or the share of the trained weights in it ("blend 0.50").
        photos: number of photos searched, of train.txt and val.txt together.
        recall_at_1: share of them whose shop image is the nearest of the held-out ones.
        recall_at_5: share of them whose shop image is among the five nearest.
        val_photos: how many of the photos are of val.txt.
        val_recall_at_1: recall@1 of those.
    """

    network: str
    photos: int
    recall_at_1: float
    recall_at_5: float
    val_photos: int
    val_recall_at_1: float


def layers_of(network: Embedder) -> list[nn.Module]:
    """Return the layers of an embedder on MobileNetV2 (19) or EfficientNet-Lite0 (18)."""
    return list(cast(nn.ModuleList, network.backbone.layers))


class Tail(nn.Module):
    """Layers after the frozen ones, mean and head: an `Embedder` on frozen maps."""

    def __init__(self, network: Embedder) -> None:
        super().__init__()
        self.backbone = nn.Module()
        self.backbone.layers = nn.ModuleDict(
            {str(i): layer for i, layer in enumerate(layers_of(network)) if i > FROZEN_BLOCKS}
        )
        self.head = network.head

    def features(self, maps: Tensor) -> Tensor:
        """Return the pooled features, f32 [n, 1280], of frozen maps [n, c, h, w]."""
        for layer in cast(nn.ModuleDict, self.backbone.layers).values():
            maps = layer(maps)
        return pooled(maps)

    def forward(self, maps: Tensor) -> Tensor:
        """Return unit vectors, f32 [n, d], of frozen maps [n, c, h, w]."""
        return nn.functional.normalize(cast(Tensor, self.head(self.features(maps))))


class Pictures:
    """Maps of the frozen layers for all splits, cached in `folder`.

    Augmented views serve training, plain ones measuring.

    Args:
        recipe: sources, shares, size of the views, losses; `held_out_classes` is left to each split.
        data: the folder of the data sets.
        weights: the ImageNet MobileNetV2.
        folder: where the maps are kept.
        console: where progress goes.
    """

    def __init__(self, recipe: EmbedderRecipe, data: Path, weights: Path, folder: Path, console: Console) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.recipe, self.weights = recipe, weights
        frozen = nn.Sequential(*layers_of(self.network())[: FROZEN_BLOCKS + 1]).eval()
        self.store = GroceryStore(data / "grocery_store")
        parts = GroceryParts(self.store, recipe)
        names = [
            "photos",
            *(name for name in ("shop", "clothing", "scenes", "rendered") if getattr(recipe.shares, name)),
        ]
        self.ingredients = []
        for name, i in zip(names, ingredients(recipe, data, parts), strict=True):
            source = CachedViews(i.source, frozen, VIEWS[name], recipe.size, recipe.seed, folder / f"{name}.npy")
            self.ingredients.append(
                Ingredient(cast(PictureSource, source), i.share, i.views if VIEWS[name] > 1 else 1, i.first_label)
            )
        self.photo_labels = np.concatenate([parts.train.labels, parts.val.labels])
        self.of_val = np.arange(len(self.photo_labels)) >= len(parts.train.labels)
        plain: dict[str, Maps] = {}
        for name, sources in (("plain_photos", (parts.train, parts.val)), ("plain_shop", (parts.shop,))):
            places = [(source, index) for source in sources for index in range(len(source.labels))]
            drawn = (source.plain(index, CROP_SIZE) for source, index in counted(places, name, console))
            plain[name] = cached_maps(drawn, len(places), frozen, folder / f"{name}.npy")
        self.photos, self.shop = plain["plain_photos"], plain["plain_shop"]

    def network(self) -> Embedder:
        """Return the network of ImageNet that the splits start from."""
        return Embedder(self.recipe.dimension, self.weights, backbone=self.recipe.backbone)

    def without(self, classes: Sequence[int]) -> list[Ingredient]:
        """Return the ingredients without some grocery classes; the numbering stays."""
        return [
            Ingredient(_Part(i.source, ~np.isin(i.source.labels, classes)), i.share, i.views, i.first_label)
            if i.first_label == 0
            else i
            for i in self.ingredients
        ]


class UnseenTask:
    """Task of `whatsit.training.common.loop.fit`: train the tail without some classes."""

    def __init__(self, pictures: Pictures, recipe: EmbedderRecipe, held_out: Sequence[int]) -> None:
        self.recipe, self._pictures, self._held_out = recipe, pictures, held_out
        self._ingredients = pictures.without(held_out)
        self.mixture = Mixture(self._ingredients, recipe.batch, recipe.size, recipe.seed)
        self.pairs = positive_pairs(self._ingredients, self.mixture.pictures)
        self._network = pictures.network()
        self.tail = Tail(self._network)
        classes = max(i.first_label + i.source.classes for i in self._ingredients)
        self.criterion = class_loss(recipe.class_loss, classes, recipe.dimension, recipe.margin, recipe.scale)
        self.module: nn.Module = nn.ModuleDict({"tail": self.tail, "criterion": self.criterion})
        self.products = len(pictures.store.classes)
        self.steps_per_epoch = max(1, len(self._ingredients[0].source.labels) // self.mixture.pictures[0])
        self.frozen = self.measure("frozen", self.tail.features)

    def start(self) -> None:
        """Initialise the head by principal axes, the class vectors by class means."""
        features, labels = [], []
        with torch.no_grad():
            for i in self._ingredients:
                for index in range(0, len(i.source.labels), 1 if i.first_label else 5):
                    labels.append(i.first_label + int(i.source.labels[index]))
                    features.append(self.tail.features(torch.tensor(i.source.plain(index, 0)[None]).float()))
            stacked, of_class = torch.cat(features), torch.tensor(labels)
            self._network.start_head(stacked)
            vectors = nn.functional.normalize(self.tail.head(stacked))
            class_vectors = cast(Tensor, self.criterion.W).T
            means = torch.zeros_like(class_vectors).index_add_(0, of_class, vectors)
            seen = means.norm(dim=1) > 0
            class_vectors[seen] = nn.functional.normalize(means[seen])

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return three groups: the free layers, the head, the class vectors (undecayed)."""
        return [
            {"params": list(self.tail.backbone.parameters()), "lr": self.recipe.backbone_rate},
            {"params": list(self.tail.head.parameters()), "lr": self.recipe.head_rate},
            {"params": list(self.criterion.parameters()), "lr": self.recipe.class_rate, "weight_decay": 0.0},
        ]

    def batches(self, epoch: int, start: int) -> Iterator[Batch]:
        """Yield (maps f16 [n, c, h, w], labels int64 [n])."""
        first = epoch * self.steps_per_epoch
        return prefetch(self.mixture.batch, first + start, first + self.steps_per_epoch)

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Return the class loss with the center loss and the SimCLR loss."""
        maps, labels = batch
        vectors = self.tail(maps.float()).float()  # or autocast turns the class vectors into bf16
        loss: Tensor = self.criterion(vectors, labels)
        if self.recipe.align_weight:
            pull = center_loss(vectors, labels, cast(Tensor, self.criterion.W), self.products)
            loss = loss + self.recipe.align_weight * pull
        if self.recipe.simclr_weight and len(self.pairs):
            loss = loss + self.recipe.simclr_weight * simclr_loss(vectors, self.pairs)
        return loss, {}

    def validate(self) -> dict[str, float]:
        """Return recall@1 of the held-out classes, which is logged only."""
        return {"unseen_r1": self.measure("trained", self.tail).recall_at_1}

    @torch.no_grad()
    def measure(self, name: str, network: Any) -> UnseenRow:
        """Search the held-out classes' photos among their shop images."""
        pictures, classes = self._pictures, np.array(self._held_out)
        chosen = np.flatnonzero(np.isin(pictures.photo_labels, classes))
        photos, shop = _vectors(network, pictures.photos[chosen]), _vectors(network, pictures.shop[classes])
        truth, val = pictures.photo_labels[chosen], pictures.of_val[chosen]
        recall = recall_at_k(photos, shop, truth, classes)
        of_val = recall_at_k(photos[val], shop, truth[val], classes, ks=(1,))
        return UnseenRow(name, len(photos), recall[1], recall[5], int(val.sum()), of_val[1])


def measure_split(
    pictures: Pictures,
    recipe: EmbedderRecipe,
    held_out: Sequence[int],
    out: Path,
    blends: Sequence[float],
    max_minutes: float | None = None,
    console: Console | None = None,
) -> list[UnseenRow]:
    """Train without `held_out` and measure on it.

    The frozen network is measured too; the trained one is blended with its start.

    Args:
        pictures: the maps.
        recipe: losses and rates.
        held_out: labels of the classes left out.
        out: folder of the run; an existing one is resumed.
        blends: shares of the trained weights to measure.
        max_minutes: budget of training time.
        console: where progress goes.
    """
    task = UnseenTask(pictures, recipe, held_out)
    there = (out / checkpoint.LAST).exists()
    if not there:
        task.start()
        out.mkdir(parents=True, exist_ok=True)
        checkpoint.save(out / "start.pt", {"module": task.module.state_dict()})
    fit(task, recipe, out, resume=there, max_minutes=max_minutes, console=console)
    start, trained = (checkpoint.load(out / name)["module"] for name in ("start.pt", checkpoint.BEST))
    rows = [task.frozen]
    for share in blends:
        task.module.load_state_dict(wise_ft(start, trained, share))
        rows.append(task.measure(f"blend {share:.2f}", task.tail))
    return rows


class _Part:
    """Some of the pictures of a source, in its numbering of classes."""

    def __init__(self, source: Any, chosen: npt.NDArray[np.bool_]) -> None:
        self._source, self._places = source, np.flatnonzero(chosen)
        self.classes, self.labels = source.classes, source.labels[self._places]

    def plain(self, index: int, size: int) -> Any:
        return self._source.plain(self._places[index], size)

    def view(self, index: int, size: int, rng: np.random.Generator) -> Any:
        return self._source.view(self._places[index], size, rng)


def _vectors(network: Any, maps: Maps) -> npt.NDArray[np.float32]:
    parts = [network(torch.from_numpy(np.asarray(maps[i : i + 16])).float()) for i in range(0, len(maps), 16)]
    vectors: npt.NDArray[np.float32] = torch.cat(parts).numpy()
    return vectors
