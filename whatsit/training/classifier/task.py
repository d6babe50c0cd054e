"""Training task of the classifier on the built-in data sets.

The backbone and the ImageNet head stay as they came, so every view is put through them once; training the heads on the
features then takes a minute or two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from rich.console import Console
from torch import Tensor, nn
from whatsit_client.errors import InvalidInput
from whatsit_client.taxonomy import INTENTS, TAGS

from whatsit.evaluation.datasets.classifier_sets import evaluation_sets, run_classifier, score_classifier
from whatsit.evaluation.datasets.imagenet_tags import intent_matrix, tag_matrix
from whatsit.models.classifier import IMAGE_SIZE, Classifier, ClassifierForExport
from whatsit.training.classifier.custom import custom_classifier_task
from whatsit.training.classifier.data import ClassifierViews, training_pictures
from whatsit.training.classifier.frozen_features import see_views
from whatsit.training.classifier.recipe import ClassifierRecipe
from whatsit.training.classifier.validation_fold import fold_figures, in_fold
from whatsit.training.common.initial_weights import IMAGENET
from whatsit.training.common.loop import Outcome
from whatsit.training.common.run_training import RunOptions, prepare, run_training

if TYPE_CHECKING:
    from typing_extensions import Unpack

WEIGHTS = "mobilenet_v2_1.0_224_float.onnx"
Batch = dict[str, Tensor]


class ClassifierTask:
    """The classifier as a task of `whatsit.training.common.loop.fit`.

    Args:
        recipe: the recipe.
        data: the folder that holds the data sets.
        weights: the ImageNet MobileNetV2: backbone, ImageNet head and teacher.
        out: the run's folder, where drawn pictures and what the ImageNet network saw are kept.
        console: where progress goes.
    """

    def __init__(self, recipe: ClassifierRecipe, data: Path, weights: Path, out: Path, console: Console) -> None:
        self.recipe, self.data, self.drawn = recipe, data, out / "rendered"
        self.pictures = training_pictures(data, recipe, self.drawn, console)
        self.seen = see_views(
            ClassifierViews(self.pictures, recipe.seed, IMAGE_SIZE), recipe.views, weights, out / "seen", console
        )
        tables = (torch.from_numpy(tag_matrix()), torch.from_numpy(intent_matrix()))
        self.network = Classifier(weights, *tables, recipe.dropout, recipe.hidden)
        self.network.backbone.requires_grad_(False)
        self.network.imagenet.requires_grad_(False)
        self.module: nn.Module = self.network
        self.steps_per_epoch = recipe.steps_per_epoch
        self.imagenet = np.array([p.group == "imagenet" for p in self.pictures])
        self.tags = np.eye(len(TAGS), dtype=np.float32)[[TAGS.index(p.tag) for p in self.pictures]]
        self.intents = np.eye(len(INTENTS), dtype=np.float32)[[INTENTS.index(p.intent) for p in self.pictures]]
        self.left_out = in_fold(self.pictures, recipe.fold)
        self.members = self._groups()
        self.intent_weight = torch.tensor([1.0 if name == "other" else recipe.sought_weight for name in INTENTS])

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return one group: the heads and the layer that they share."""
        return [{"params": [p for p in self.network.parameters() if p.requires_grad], "lr": self.recipe.head_rate}]

    def batches(self, epoch: int, start: int) -> Iterator[Batch]:
        """Yield features, f32 [n, 1280], and the targets of the heads."""
        first = epoch * self.steps_per_epoch
        return (self.batch(step) for step in range(first + start, first + self.steps_per_epoch))

    def batch(self, step: int) -> Batch:
        """Make the batch of one step, the same whenever it is asked for.

        Returns:
            features f32 [n, 1280], source int64 [n], tag f32 [n, 42], intent f32 [n, 3] (rows of both sum to 1), and
            imagenet f32 [n], 1 for ImageNet photos.
        """
        recipe = self.recipe
        rng = np.random.default_rng([recipe.seed, step])
        shares, members = zip(*self.members, strict=True)
        picked = rng.choice(len(members), recipe.batch, p=np.array(shares) / sum(shares))
        rows = np.array([rng.choice(members[group]) for group in picked])
        views = rng.choice(recipe.views, recipe.batch)
        known = self.imagenet[rows].astype(np.float32)
        tag_part, intent_part = recipe.teacher_tags * known[:, None], recipe.teacher_intents * known[:, None]
        made = {
            "features": self.seen.features[views, rows].astype(np.float32),
            "source": self.seen.sources[views, rows],
            "tag": (1 - tag_part) * self.tags[rows] + tag_part * self.seen.tags[views, rows],
            "intent": (1 - intent_part) * self.intents[rows] + intent_part * self.seen.intents[views, rows],
            "imagenet": known,
        }
        return {name: torch.from_numpy(values) for name, values in made.items()}

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Return the heads' cross entropies plus the penalty on the tag correction."""
        logits = self.network.answer(batch["features"])
        added = logits["correction"] - logits["correction"].mean(dim=1, keepdim=True)
        losses = {
            "intent": F.cross_entropy(logits["intent"], batch["intent"], self.intent_weight.to(added.device)),
            "source": F.cross_entropy(logits["source"], batch["source"]),
            "tag": F.cross_entropy(logits["tag"], batch["tag"]),
            "stay": self.recipe.stay * (added.square().mean(dim=1) * batch["imagenet"]).mean(),
        }
        return torch.stack(list(losses.values())).sum(), {name: loss.item() for name, loss in losses.items()}

    def validate(self) -> dict[str, float]:
        """Return the metrics of the held-out fold, else those of the held-out sets."""
        if self.recipe.fold is not None:
            return fold_figures(self.network, self.pictures, self.seen, self.left_out)
        network = ClassifierForExport(self.network)
        device = next(self.network.parameters()).device

        def classify(images: npt.NDArray[np.uint8]) -> Mapping[str, npt.NDArray[np.float32]]:
            scores = network(torch.from_numpy(images).to(device))
            return {name: s.cpu().numpy() for name, s in zip(network.output_names, scores, strict=True)}

        sets = evaluation_sets(self.data, self.drawn)
        figures = score_classifier(run_classifier(classify, sets), sets)
        return {
            "auc": figures["gate"]["auc"],
            "false_other_grocery": figures["grocery val"]["false_other"],
            "false_other_clothing": figures["clothing val"]["false_other"],
            "false_other_drawn": figures["drawn goods"]["false_other"],
            "other_kept": figures["imagenet held out"]["other_kept"],
            "source_photo": figures["imagenet held out"]["source"],
            "source_composed": figures["composed"]["source"],
            "tag_grocery": figures["grocery val"]["tag"],
            "tag_clothing": figures["clothing val"]["tag"],
            "tag_imagenet": figures["imagenet held out"]["tag"],
        }

    def _groups(self) -> list[tuple[float, npt.NDArray[np.int64]]]:
        """Return the batch share and the picture indices of each non-empty group."""
        groups = np.array([p.group for p in self.pictures])
        found = [
            (share, np.flatnonzero((groups == group) & ~self.left_out))
            for group, share in self.recipe.groups.model_dump().items()
        ]
        return [(share, members) for share, members in found if share > 0 and len(members)]


def train_classifier(
    recipe: ClassifierRecipe, data: Path, weights: Path, out: Path, **options: Unpack[RunOptions]
) -> Outcome:
    """Train the classifier on the built-in data sets, a custom table, or both.

    Args:
        recipe: the recipe.
        data: the folder that holds grocery_store, clothing_small and imagenet_sample; not needed for custom data alone.
        weights: the folder that holds the ImageNet MobileNetV2; read only for that start.
        out: the run's folder; `out/best.pt` then holds the network to build.
        options: of the run.

    Raises:
        InvalidInput: data or weights are missing, a table is not understood, `out` does not fit `resume`, or a recipe
            without custom data has another start than ImageNet.
    """
    if recipe.custom is None and recipe.start != IMAGENET:
        raise InvalidInput(
            "On the built-in data the classifier learns heads on the ImageNet network alone: leave --start out, "
            "or train on your own table with --csv."
        )
    console = prepare(recipe.seed, **options)
    if recipe.custom is None:
        return run_training(ClassifierTask(recipe, data, weights / WEIGHTS, out, console), recipe, out, **options)
    return run_training(custom_classifier_task(recipe, data, weights / WEIGHTS, out, console), recipe, out, **options)
