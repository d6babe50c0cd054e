"""Training of the classifier: four questions about the whole picture, answered by one look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from rich.console import Console
from torch import Tensor, nn
from whatsit_client.taxonomy import INTENTS

from whatsit.evaluation.classifier_sets import answers, judge, judged_sets
from whatsit.evaluation.imagenet_tags import intent_matrix, tag_matrix
from whatsit.models.classifier import IMAGE_SIZE, Classifier, ClassifierForExport
from whatsit.training.classifier_data import Batch, ClassifierViews, tag_targets, training_pictures
from whatsit.training.classifier_recipe import ClassifierRecipe
from whatsit.training.loop import Outcome, fit
from whatsit.training.prefetch import prefetch
from whatsit.training.preparation import prepare
from whatsit.training.tag_teacher import cached_tags

WEIGHTS = "mobilenet_v2_1.0_224_float.onnx"


class ClassifierTask:
    """The classifier as a task of `whatsit.training.loop.fit`.

    Args:
        recipe: the recipe.
        data: the folder that holds the data sets.
        weights: the ImageNet MobileNetV2: start of the backbone and teacher of the tags.
        out: the run's folder, where drawn pictures and the teacher's answers are kept.
        console: where progress goes.
    """

    def __init__(self, recipe: ClassifierRecipe, data: Path, weights: Path, out: Path, console: Console) -> None:
        self.recipe = recipe
        pictures = training_pictures(data, recipe, out / "rendered", console)
        teacher = cached_tags(out / "teacher.npz", weights, [p.path for p in pictures], console)
        tags = tag_targets(pictures, teacher, recipe.teacher_share)
        self.views = ClassifierViews(pictures, tags, recipe, IMAGE_SIZE)
        self.sets = judged_sets(data, out / "rendered")
        tables = (torch.from_numpy(tag_matrix()), torch.from_numpy(intent_matrix()))
        self.network = Classifier(weights, *tables, recipe.dropout)
        self.network.backbone.freeze(recipe.frozen_blocks)
        self.module: nn.Module = self.network
        self.steps_per_epoch = recipe.steps_per_epoch
        weight = [1.0 if intent == "other" else recipe.sought_weight for intent in INTENTS]
        self.intent_weight = torch.tensor(weight)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return two groups: the heads, and what came trained (the free part of the backbone, the ImageNet head)."""
        backbone = [p for p in self.network.backbone.parameters() if p.requires_grad]
        trained = [*backbone, *self.network.imagenet.parameters()]
        return [
            {"params": list(self.network.heads.parameters()), "lr": self.recipe.head_rate},
            {"params": trained, "lr": self.recipe.backbone_rate},
        ]

    def batches(self, epoch: int, start: int) -> Iterator[Batch]:
        """Yield (views uint8 [n, 3, 224, 224], targets of the four heads)."""
        first = epoch * self.steps_per_epoch
        return prefetch(self.views.batch, first + start, first + self.steps_per_epoch)

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Return the weighted sum of the heads' cross entropies, and each of them."""
        images, targets = batch
        logits = self.network(self._look(images))
        weight = self.intent_weight.to(images.device)
        losses = {
            name: F.cross_entropy(logits[name], targets[name], weight=weight if name == "intent" else None)
            for name in logits
        }
        total = torch.stack([self.recipe.head_weights.get(name, 1.0) * loss for name, loss in losses.items()]).sum()
        return total, {name: loss.item() for name, loss in losses.items()}

    def validate(self) -> dict[str, float]:
        """Return the figures of the report that matter most, on pictures kept out of training."""
        network = ClassifierForExport(self.network, self.recipe.resolution)
        device = next(self.network.parameters()).device

        def classify(images: npt.NDArray[np.uint8]) -> Mapping[str, npt.NDArray[np.float32]]:
            scores = network(torch.from_numpy(images).to(device))
            return {name: s.cpu().numpy() for name, s in zip(network.output_names, scores, strict=True)}

        figures = judge(answers(classify, self.sets), self.sets)
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

    def _look(self, images: Tensor) -> Tensor:
        side = (self.recipe.resolution, self.recipe.resolution)
        x = (images.float() - 127.5) / 127.5
        x = F.interpolate(x, size=side, mode="bilinear", align_corners=False)
        return x.contiguous(memory_format=torch.channels_last)


def train_classifier(
    recipe: ClassifierRecipe,
    data: Path,
    weights: Path,
    out: Path,
    *,
    resume: bool = False,
    max_minutes: float | None = None,
    threads: int | None = None,
    console: Console | None = None,
) -> Outcome:
    """Train the classifier; `out/best.pt` then holds the network to build.

    Args:
        recipe: the recipe.
        data: the folder that holds grocery_store, clothing_small and imagenet_sample.
        weights: the folder that holds the ImageNet MobileNetV2.
        out: the run's folder.
        resume: go on with the run in `out`.
        max_minutes: budget of training time.
        threads: CPU threads of torch; None for torch's own choice.
        console: where progress goes.

    Raises:
        InvalidInput: data or weights are missing, or `out` does not fit `resume`.
    """
    console = prepare(recipe.seed, threads, console)
    task = ClassifierTask(recipe, data, weights / WEIGHTS, out, console)
    return fit(task, recipe, out, resume=resume, max_minutes=max_minutes, console=console)
