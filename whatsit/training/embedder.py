"""Training of the embedder: margin softmax over products seen as photos, shop images and drawings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from torch import Tensor, nn
from whatsit_client.errors import InvalidInput

from whatsit.evaluation.grocery import GroceryStore
from whatsit.models.embedder import CROP_SIZE, Embedder
from whatsit.training import checkpoint
from whatsit.training.alignment import alignment_loss
from whatsit.training.blending import blend
from whatsit.training.embedder_data import GroceryParts, ingredients
from whatsit.training.embedder_recipe import EmbedderRecipe
from whatsit.training.embedder_validation import EmbedderValidation
from whatsit.training.embedding import embed, scaled
from whatsit.training.loop import Outcome, fit
from whatsit.training.metric_losses import class_loss, pair_loss
from whatsit.training.mixture import Ingredient, Mixture
from whatsit.training.prefetch import prefetch
from whatsit.training.preparation import prepare
from whatsit.training.progress import counted
from whatsit.training.twins import twin_loss, twins_of_batch

WEIGHTS = "mobilenet_v2_1.0_224_float.onnx"
START, TRAINED = "start.pt", "trained.pt"

Batch = tuple[Tensor, Tensor]


class EmbedderTask:
    """The embedder as a task of `whatsit.training.loop.fit`.

    `module` holds the `network` and the class vectors of the loss (`criterion`); only the network is shipped.
    """

    def __init__(self, recipe: EmbedderRecipe, data: Path, weights: Path | None) -> None:
        self.recipe = recipe
        self.parts = GroceryParts(GroceryStore(data / "grocery_store"), recipe)
        self.ingredients = ingredients(recipe, data, self.parts)
        classes = max(i.first_label + i.source.classes for i in self.ingredients)
        self.network = Embedder(recipe.dimension, weights)
        self.network.backbone.freeze(recipe.frozen_blocks)
        self.criterion = class_loss(recipe.class_loss, classes, recipe.dimension, recipe.margin, recipe.scale)
        self.pairs = pair_loss(recipe.pair_loss)
        self.module: nn.Module = nn.ModuleDict({"network": self.network, "criterion": self.criterion})
        self.mixture = Mixture(self.ingredients, recipe.batch, recipe.size, recipe.seed)
        photos = self.ingredients[0].source.labels
        self.validation = EmbedderValidation(self.parts, rendered=recipe.shares.rendered > 0)
        self.steps_per_epoch = max(1, len(photos) // self.mixture.pictures[0])
        self._products = self.parts.shop.classes
        self._twins = twins_of_batch(self.ingredients, self.mixture.pictures)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return three groups: what is free of the backbone, the head, the class vectors (undecayed)."""
        backbone = [p for p in self.network.backbone.parameters() if p.requires_grad]
        return [
            {"params": backbone, "lr": self.recipe.backbone_rate},
            {"params": list(self.network.head.parameters()), "lr": self.recipe.head_rate},
            {"params": list(self.criterion.parameters()), "lr": self.recipe.class_rate, "weight_decay": 0.0},
        ]

    def batches(self, epoch: int, start: int) -> Iterator[Batch]:
        """Yield (views uint8 [n, 3, size, size], labels int64 [n])."""
        first = epoch * self.steps_per_epoch
        return prefetch(self.mixture.batch, first + start, first + self.steps_per_epoch)

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Return the class loss, plus the weighted pair loss where the recipe has one."""
        views, labels = batch
        vectors = self.network(scaled(views))
        loss: Tensor = self.criterion(vectors, labels)
        if self.pairs is not None:
            loss = loss + self.recipe.pair_weight * self.pairs(vectors, labels)
        if self.recipe.align_weight:
            class_vectors = cast(Tensor, self.criterion.W)
            loss = loss + self.recipe.align_weight * alignment_loss(vectors, labels, class_vectors, self._products)
        if self.recipe.twin_weight and len(self._twins):
            loss = loss + self.recipe.twin_weight * twin_loss(vectors, self._twins)
        return loss, {}

    def validate(self) -> dict[str, float]:
        """Return recall@1 and @5 of photos to shop images, and recall@1 of drawn products never trained on."""
        return self.validation.measure(self.network)

    def start(self, console: Console) -> None:
        """Start the head by principal axes, the class vectors by class means: both of up to 8 pictures a class."""
        features, labels = [], []
        for number, ingredient in enumerate(self.ingredients, start=1):
            few = _few_of_each(ingredient.source.labels, 8)
            shown = counted(few, f"Looking at pictures to start from ({number} of {len(self.ingredients)})", console)
            features.append(self._features(ingredient, shown))
            labels.append(ingredient.source.labels[few] + ingredient.first_label)
        stacked, of_class = torch.cat(features), torch.from_numpy(np.concatenate(labels))
        self.network.start_head(stacked)
        with torch.no_grad():
            vectors = nn.functional.normalize(self.network.head(stacked))
            class_vectors = cast(Tensor, self.criterion.W).T
            means = torch.zeros_like(class_vectors).index_add_(0, of_class, vectors)
            seen = means.norm(dim=1) > 0
            class_vectors[seen] = nn.functional.normalize(means[seen])

    def _features(self, ingredient: Ingredient, indices: Iterable[int]) -> Tensor:
        pictures = (ingredient.source.plain(i, CROP_SIZE) for i in indices)
        return embed(self.network.features, pictures, self.network.head.weight.device)


def train_embedder(
    recipe: EmbedderRecipe,
    data: Path,
    weights: Path,
    out: Path,
    *,
    resume: bool = False,
    max_minutes: float | None = None,
    threads: int | None = None,
    console: Console | None = None,
    start_from: Path | None = None,
) -> Outcome:
    """Train the embedder; `out/best.pt` then holds the network to build.

    Args:
        recipe: the recipe.
        data: the folder that holds grocery_store, clothing_small and imagenet_sample.
        weights: the folder that holds the ImageNet MobileNetV2.
        out: the run's folder.
        resume: go on with the run in `out`.
        max_minutes: budget of training time.
        threads: CPU threads of torch; None for torch's own choice.
        console: where progress goes.
        start_from: a checkpoint of an earlier run with the same classes, in place of the ImageNet start.

    Raises:
        InvalidInput: data or weights are missing, `out` does not fit `resume`, or `start_from` has other classes.
    """
    console = prepare(recipe.seed, threads, console)
    task = EmbedderTask(recipe, data, weights / WEIGHTS)
    if not resume and not (out / checkpoint.LAST).exists():
        if start_from is None:
            task.start(console)
        else:
            _take_over(task.module, start_from)
        out.mkdir(parents=True, exist_ok=True)
        checkpoint.save(out / START, {"module": task.module.state_dict()})
    outcome = fit(task, recipe, out, resume=resume, max_minutes=max_minutes, console=console)
    if outcome.finished:
        _blend_best(out, recipe.blend)
    return outcome


def _take_over(module: nn.Module, path: Path) -> None:
    try:
        module.load_state_dict(checkpoint.load(path)["module"])
    except RuntimeError as error:
        raise InvalidInput(f"{path} was trained with other classes or another network: leave --start out.") from error


def _blend_best(out: Path, share: float) -> None:
    """Put the blend into best.pt and keep what was trained as trained.pt; a second call changes nothing."""
    best = checkpoint.load(out / checkpoint.BEST)
    if "blend" not in best:
        checkpoint.save(out / TRAINED, best)
        mixed = blend(checkpoint.load(out / START)["module"], best["module"], share)
        checkpoint.save(out / checkpoint.BEST, {**best, "module": mixed, "blend": share})


def _few_of_each(labels: npt.NDArray[np.int64], few: int) -> list[int]:
    kept: dict[int, list[int]] = {}
    for index, label in enumerate(labels):
        kept.setdefault(int(label), []).append(index)
    return [i for indices in kept.values() for i in indices[:few]]
