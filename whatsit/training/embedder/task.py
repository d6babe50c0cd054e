"""Training task of the embedder: margin softmax over products."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from torch import Tensor, nn

from whatsit.models.embedder import CROP_SIZE, Embedder
from whatsit.training.common import run_checkpoint as checkpoint
from whatsit.training.common.initial_weights import IMAGENET, RANDOM, begin
from whatsit.training.common.loop import Outcome
from whatsit.training.common.prefetch import prefetch
from whatsit.training.common.progress import counted
from whatsit.training.common.run_training import RunOptions, prepare, run_training
from whatsit.training.embedder.custom import embedder_content
from whatsit.training.embedder.embed_batch import embed, scaled
from whatsit.training.embedder.losses.center_loss import center_loss
from whatsit.training.embedder.losses.metric_losses import class_logits, class_loss, pair_loss
from whatsit.training.embedder.losses.multi_task import MultiTask
from whatsit.training.embedder.losses.mutual_learning import MutualLearning
from whatsit.training.embedder.losses.simclr import positive_pairs, simclr_loss
from whatsit.training.embedder.losses.similarity_distillation import similarity_distillation
from whatsit.training.embedder.mined_mixture import HardGroups, MinedMixture
from whatsit.training.embedder.mixture import Ingredient, Mixture
from whatsit.training.embedder.pseudo_labels import PseudoLabels
from whatsit.training.embedder.random_erasing import erase
from whatsit.training.embedder.recipe import EmbedderRecipe
from whatsit.training.embedder.task_labels import TaskLabels, viewpoint_of, viewpoints_of_batch
from whatsit.training.embedder.teachers import Teachers

if TYPE_CHECKING:
    from typing_extensions import Unpack

WEIGHTS = "mobilenet_v2_1.0_224_float.onnx"
START = "start.pt"

Batch = tuple[Tensor, ...]


class EmbedderTask:
    """The embedder as a task of `whatsit.training.common.loop.fit`.

    `module` holds the `network`, the class vectors of the loss (`criterion`) and what the recipe's switches need:
    `tasks`, `mutual`, `groups`. Only the network is shipped.
    """

    def __init__(self, recipe: EmbedderRecipe, data: Path, weights: Path | None) -> None:
        self.recipe = recipe
        content = embedder_content(recipe, data)
        self.parts, self.ingredients, self.validation = content.parts, content.ingredients, content.validation
        self._classes = max(i.first_label + i.source.classes for i in self.ingredients)
        self.network = Embedder(recipe.dimension, weights, recipe.attention, recipe.backbone, recipe.pretrained)
        self.network.backbone.freeze(recipe.frozen_blocks)
        self.criterion = self._class_loss(recipe.dimension)
        self.pairs = pair_loss(recipe.pair_loss)
        parts: dict[str, nn.Module] = {"network": self.network, "criterion": self.criterion}
        photos = self.ingredients[0].source.labels
        mixture = Mixture if recipe.mining == "none" else MinedMixture
        self.mixture = mixture(self.ingredients, recipe.batch, max(recipe.size, recipe.mutual_size), recipe.seed)
        self.groups = None if recipe.mining == "none" else HardGroups(np.unique(photos), recipe.mining_layers)
        self.mutual = None if recipe.mutual == "none" else self._mutual(weights)
        self.teachers: Teachers | None = None
        self.clusters = PseudoLabels(Path(recipe.clusters), self.ingredients) if recipe.clusters else None
        self._first = np.cumsum([0, *(len(i.source.labels) for i in self.ingredients)])
        self.labels = TaskLabels(recipe.tasks, content.classes, self.clusters.classes if self.clusters else 0)
        self.tasks = self._multi_task() if recipe.tasks else None
        parts.update({n: m for n in ("groups", "mutual", "tasks") if (m := getattr(self, n)) is not None})
        self.module: nn.Module = nn.ModuleDict(parts)
        self.steps_per_epoch = max(1, len(photos) // self.mixture.pictures[0])
        self._products = content.products
        self._positives = positive_pairs(self.ingredients, self.mixture.pictures)
        self._viewpoints = viewpoints_of_batch(self.ingredients, self.mixture.pictures)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return three groups: backbone, head, and class vectors (no weight decay)."""
        recipe = self.recipe
        kinds: dict[str, list[nn.Parameter]] = {"backbone": [], "criterion": [], "head": []}
        for name, parameter in self.module.named_parameters():
            if parameter.requires_grad:
                kinds[next((part for part in name.split(".") if part in kinds), "head")].append(parameter)
        return [
            {"params": kinds["backbone"], "lr": recipe.backbone_rate},
            {"params": kinds["head"], "lr": recipe.head_rate},
            {"params": kinds["criterion"], "lr": recipe.class_rate, "weight_decay": 0.0},
        ]

    def batches(self, epoch: int, start: int) -> Iterator[Batch]:
        """Yield views, labels, the teachers' features and the pseudo-labels.

        uint8 [n, 3, size, size], int64 [n], f32 [n, e] with teachers, int64 [n] with clusters.
        """
        if self.groups is not None and isinstance(self.mixture, MinedMixture):
            if start == 0:
                self.groups.regroup(cast(Tensor, self.criterion.W))
            self.mixture.groups = self.groups.of_class.cpu().numpy()
        first = epoch * self.steps_per_epoch
        return prefetch(self._batch, first + start, first + self.steps_per_epoch)

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Return the class loss plus the weighted losses that the recipe adds."""
        views, labels = batch[:2]
        recipe, shown = self.recipe, dict[str, float]()
        images = wide = scaled(views)
        if images.shape[-1] != recipe.size:
            images = nn.functional.interpolate(wide, recipe.size, mode="bilinear", antialias=True)
        if recipe.erasing != "none":
            images = erase(images, recipe.erasing, recipe.erasing_chance, recipe.erasing_share, self.network.backbone)
        features = self.network.features(images)
        vectors = self.network.project(features)
        loss: Tensor = self.criterion(vectors, labels)
        if self.pairs is not None:
            added = self.pairs(vectors, labels)
            loss, shown["pairs"] = loss + recipe.pair_weight * added, float(added.detach())
        if recipe.align_weight:
            added = center_loss(vectors, labels, cast(Tensor, self.criterion.W), self._products)
            loss, shown["alignment"] = loss + recipe.align_weight * added, float(added.detach())
        if recipe.simclr_weight and len(self._positives):
            added = simclr_loss(vectors, self._positives)
            loss, shown["simclr"] = loss + recipe.simclr_weight * added, float(added.detach())
        if self.teachers is not None:
            added = similarity_distillation(vectors, batch[2])
            loss, shown["distillation"] = loss + recipe.distil_weight * added, float(added.detach())
        if self.tasks is not None:
            clusters = batch[-1] if self.clusters is not None else None
            added = self.tasks(features, self.labels.of(labels, self._viewpoints, clusters))
            loss, shown["tasks"] = loss + recipe.task_weight * added, float(added.detach())
        if self.mutual is not None:
            of_large, added = self.mutual(wide, labels, class_logits(self.criterion, vectors, recipe.scale))
            loss, shown["mutual"] = loss + of_large + recipe.mutual_weight * added, float(added.detach())
        return loss, shown

    def teach(self, weights: Path, folder: Path, console: Console) -> None:
        """Compute the features of the recipe's teachers, or read them from `folder`."""
        if self.recipe.teachers:
            self.teachers = Teachers(self.recipe.teachers, self.ingredients, weights, folder, console)

    def _batch(self, number: int) -> Batch:
        batch: Batch = self.mixture.batch(number)
        if self.teachers is not None:
            batch = *batch, self.teachers.of(self.mixture.places(number))
        if self.clusters is not None:
            rows = [int(self._first[k]) + index for k, index in self.mixture.places(number)]
            batch = *batch, torch.from_numpy(self.clusters.of_picture[rows])
        return batch

    def validate(self) -> dict[str, float]:
        """Return the metrics of the embedder's validation sets."""
        return self.validation.measure(self.network)

    def start(self, console: Console, ingredients: Sequence[Ingredient] | None = None) -> None:
        """Initialise the head by PCA and the class vectors by class means.

        Both from up to 8 pictures of each class.

        A head that came with a checkpoint stays as it is.

        Args:
            console: where progress goes.
            ingredients: whose classes are initialised; None for all.
        """
        chosen = self.ingredients if ingredients is None else ingredients
        pictures: list[tuple[Ingredient, list[int]]] = [(i, _few_of_each(i.source.labels, 8)) for i in chosen]
        of_class = torch.cat([torch.from_numpy(i.source.labels[few] + i.first_label) for i, few in pictures])
        pairs = [(self.network, self.criterion)]
        if self.mutual is not None:
            pairs.append((cast(Embedder, self.mutual.network), self.mutual.criterion))
        for network, criterion in pairs:
            features = []
            for number, (ingredient, few) in enumerate(pictures, start=1):
                what = f"Looking at pictures to start from ({number} of {len(pictures)})"
                features.append(self._features(network, ingredient, counted(few, what, console)))
            if network is not self.network or self.recipe.start in (IMAGENET, RANDOM):
                network.start_head(torch.cat(features))
            _start_classes(network, criterion, torch.cat(features), of_class)

    def _features(self, network: Embedder, ingredient: Ingredient, indices: Iterable[int]) -> Tensor:
        pictures = (ingredient.source.plain(i, CROP_SIZE) for i in indices)
        return embed(network.features, pictures, network.head.weight.device)

    def _class_loss(self, dimension: int) -> nn.Module:
        return class_loss(self.recipe.class_loss, self._classes, dimension, self.recipe.margin, self.recipe.scale)

    def _mutual(self, weights: Path | None) -> MutualLearning:
        recipe = self.recipe
        assert recipe.mutual != "none"
        large = Embedder(recipe.mutual_dimension, weights, backbone=recipe.mutual, pretrained=recipe.pretrained)
        large.backbone.freeze(recipe.frozen_blocks)
        return MutualLearning(large, self._class_loss(recipe.mutual_dimension), recipe.scale)

    def _multi_task(self) -> MultiTask:
        recipe, length = self.recipe, self.network.head.in_features
        return MultiTask(self.labels.classes, length, recipe.task_weighting, recipe.task_interval, self._held_out)

    def _held_out(self) -> tuple[Tensor, Tensor]:
        """Return features and task labels of 64 held-out photos and 64 shop images."""
        rows = []
        assert self.parts is not None  # tasks are refused with custom data
        for source in (self.parts.held_out, self.parts.shop_train):
            some = np.random.default_rng(self.recipe.seed).permutation(len(source.labels))[:64]
            pictures = (source.plain(int(i), self.recipe.size) for i in some)
            features = embed(self.network.features, pictures, self.network.head.weight.device)
            labels = torch.from_numpy(source.labels[some])
            rows.append((features, self.labels.of(labels, torch.full_like(labels, viewpoint_of(source)))))
        features, labels = torch.cat([row[0] for row in rows]), torch.cat([row[1] for row in rows], dim=1)
        device = self.network.head.weight.device
        return features.to(device), labels.to(device)


def train_embedder(
    recipe: EmbedderRecipe, data: Path, weights: Path, out: Path, **options: Unpack[RunOptions]
) -> Outcome:
    """Train the embedder on the built-in data sets, custom products, or both.

    A recipe that starts from an earlier run on the built-in data (`*.pt`) keeps its class vectors too where both have
    the same classes; otherwise the class vectors start as the means of their pictures.

    Args:
        recipe: the recipe.
        data: the folder that holds grocery_store, clothing_small and imagenet_sample; not needed for custom data alone.
        weights: the folder that holds the ImageNet MobileNetV2; read only for that start.
        out: the run's folder; `out/best.pt` then holds the network to build.
        options: of the run.

    Raises:
        InvalidInput: data or weights are missing, `out` does not fit `resume`, or the start is of another network.
    """
    console = prepare(recipe.seed, **options)
    task = EmbedderTask(recipe, data, weights / WEIGHTS if recipe.start == IMAGENET else None)
    begin(task.network, recipe.start, "embedder")
    task.teach(weights / WEIGHTS, out.parent / "teachers", console)
    if not options.get("resume") and not (out / checkpoint.LAST).exists():
        earlier = recipe.custom is None and recipe.start.endswith(".pt")
        if not (earlier and _load_module(task.module, Path(recipe.start))):
            task.start(console)
        elif new := _new_ingredients(task, Path(recipe.start)):
            task.start(console, new)
        out.mkdir(parents=True, exist_ok=True)
        checkpoint.save(out / START, {"module": task.module.state_dict()})
    return run_training(task, recipe, out, recipe.blend, lambda: checkpoint.load(out / START)["module"], **options)


def _load_module(module: nn.Module, path: Path) -> bool:
    """Load an earlier run's module; return False where its classes are others."""
    weights = checkpoint.load(path)["module"]
    own = module.state_dict()
    if weights.keys() != own.keys() or any(weights[name].shape != value.shape for name, value in own.items()):
        return False
    module.load_state_dict(weights)
    return True


def _new_ingredients(task: EmbedderTask, path: Path) -> list[Ingredient]:
    """Return the grocery ingredients if the earlier run had none.

    Their class vectors are random there.
    """
    shares = checkpoint.load(path).get("recipe", {}).get("shares", {})
    if shares.get("photos", 1) or shares.get("shop", 1):
        return []
    return [one for one in task.ingredients if one.first_label == 0]


def _few_of_each(labels: npt.NDArray[np.int64], few: int) -> list[int]:
    kept: dict[int, list[int]] = {}
    for index, label in enumerate(labels):
        kept.setdefault(int(label), []).append(index)
    return [i for indices in kept.values() for i in indices[:few]]


@torch.no_grad()
def _start_classes(network: Embedder, criterion: nn.Module, features: Tensor, of_class: Tensor) -> None:
    vectors = nn.functional.normalize(network.head(features))
    class_vectors = cast(Tensor, criterion.W).T
    means = torch.zeros_like(class_vectors).index_add_(0, of_class, vectors)
    seen = means.norm(dim=1) > 0
    class_vectors[seen] = nn.functional.normalize(means[seen])
