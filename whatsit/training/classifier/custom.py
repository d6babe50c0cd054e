"""Training of the classifier on a table of tagged pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from rich.console import Console
from torch import Tensor, nn
from whatsit_client.errors import InvalidInput
from whatsit_client.taxonomy import INTENTS, SOURCES, TAG_TOPIC, TAGS, TOPICS

from whatsit.evaluation.datasets.imagenet_tags import intent_matrix, tag_intent, tag_matrix
from whatsit.evaluation.datasets.labelled_pictures import read_rgb
from whatsit.models.classifier import IMAGE_SIZE, Classifier
from whatsit.models.mobilenet_v2 import MobileNetV2, imagenet_head
from whatsit.training.classifier.data import augmented_photo, composed, recompressed, training_pictures
from whatsit.training.classifier.recipe import ClassifierRecipe
from whatsit.training.common.custom_data import CustomData, hold_out, read_table
from whatsit.training.common.initial_weights import IMAGENET, RANDOM, begin
from whatsit.training.common.prefetch import prefetch
from whatsit.training.embedder.augment import random_blur
from whatsit.training.embedder.embed_batch import scaled
from whatsit.vision.crop import crop_resize

HEADS: dict[str, tuple[str, ...]] = {"intent": INTENTS, "source": SOURCES, "topic": TOPICS, "tag": TAGS}
UNKNOWN = -100
"""Target of an answer that nobody gave; the loss leaves it out."""
_COMPOSED = 0.4

Pixels = npt.NDArray[np.uint8]
Batch = tuple[Tensor, dict[str, Tensor]]


@dataclass(frozen=True)
class KnownPicture:
    """A picture and the answers that are known of it.

    Args:
        path: of the picture.
        answers: head -> place in `HEADS[head]`, for the heads that are known.
    """

    path: Path
    answers: dict[str, int]


def known_picture(path: Path, where: str, **names: str) -> KnownPicture:
    """Return a picture with its known answers, given by name; "" is unknown.

    A tag implies its topic, and its intent where none is given.

    Raises:
        InvalidInput: a name that the taxonomy does not have.
    """
    if tag := names.get("tag", ""):
        if tag in TAG_TOPIC and names.get("topic", TAG_TOPIC[tag]) not in ("", TAG_TOPIC[tag]):
            raise InvalidInput(
                f"{where}: the tag '{tag}' belongs to the topic '{TAG_TOPIC[tag]}': correct one of them."
            )
        names = {**names, "topic": TAG_TOPIC.get(tag, "")}
        if tag in TAG_TOPIC:
            names["intent"] = names.get("intent") or tag_intent(tag)
    answers = {}
    for head, choices in HEADS.items():
        if name := names.get(head, ""):
            if name not in choices:
                raise InvalidInput(f"{where}: '{name}' is no {head}: choose one of {', '.join(choices)}.")
            answers[head] = choices.index(name)
    return KnownPicture(path, answers)


def read_tags(custom: CustomData) -> tuple[list[KnownPicture], list[KnownPicture]]:
    """Read the table and split it into training and validation pictures.

    Split by the column `split`, else every fifth line validates.

    Raises:
        InvalidInput: there is no table, it has none of the columns, or a name is not in the taxonomy.
    """
    if custom.csv is None:
        raise InvalidInput(
            "The classifier trains on a table: pass --csv with the column image and any of intent, source, topic, tag."
        )
    rows = read_table(custom.csv, [])
    if not set(HEADS) & set(rows[0].values):
        raise InvalidInput(f"The table {custom.csv} needs at least one of the columns {', '.join(HEADS)}.")
    pictures = [
        known_picture(row.image, row.where, **{head: row.values.get(head, "") for head in HEADS}) for row in rows
    ]
    if any(row.split == "val" for row in rows):
        split = [(picture, row.split == "val") for picture, row in zip(pictures, rows, strict=True)]
        return [p for p, val in split if not val], [p for p, val in split if val]
    return hold_out(pictures)


class CustomClassifierTask:
    """The classifier on tables, as a task of `whatsit.training.common.loop.fit`.

    What came from ImageNet stays as it is and the heads are trained; from a random start everything is.

    Args:
        recipe: of the run.
        groups: pictures that train, with the part of each batch that comes from each group.
        validation: pictures held out.
        weights: the ImageNet MobileNetV2; looked at only where the recipe starts from it.
    """

    def __init__(
        self,
        recipe: ClassifierRecipe,
        groups: Sequence[tuple[float, Sequence[KnownPicture]]],
        validation: Sequence[KnownPicture],
        weights: Path,
    ) -> None:
        self.recipe, self.groups, self.validation = recipe, groups, validation
        self.network = start_classifier(recipe, weights)
        self.module: nn.Module = self.network
        self.steps_per_epoch = recipe.steps_per_epoch
        for part in (self.network.backbone, self.network.imagenet):
            part.requires_grad_(recipe.start == RANDOM)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return one group: whatever is trained."""
        return [{"params": [p for p in self.module.parameters() if p.requires_grad], "lr": self.recipe.head_rate}]

    def batches(self, epoch: int, start: int) -> Iterator[Batch]:
        """Yield views, uint8 [n, 3, 224, 224], and the answers of each head.

        Answers are int64 [n], `UNKNOWN` where there is none.
        """
        first = epoch * self.steps_per_epoch
        return prefetch(self.batch, first + start, first + self.steps_per_epoch)

    def batch(self, step: int) -> Batch:
        """Make the batch of one step, the same whenever it is asked for."""
        rng = np.random.default_rng([self.recipe.seed, 61, step])
        shares = np.array([share for share, _ in self.groups])
        views, answers = [], []
        for group in rng.choice(len(self.groups), self.recipe.batch, p=shares / shares.sum()):
            pictures = self.groups[group][1]
            view, known = _view(pictures[int(rng.integers(len(pictures)))], rng)
            views.append(view)
            answers.append(known)
        targets = {head: torch.tensor([known.get(head, UNKNOWN) for known in answers]) for head in HEADS}
        return torch.from_numpy(np.stack(views)), targets

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Return the sum of the heads' cross entropies over the answers that are known."""
        images, targets = batch
        logits = self.network(scaled(images))
        losses = {}
        for head, target in targets.items():
            known = (target != UNKNOWN).sum().clamp(min=1)
            losses[head] = F.cross_entropy(logits[head], target, ignore_index=UNKNOWN, reduction="sum") / known
        return torch.stack(list(losses.values())).sum(), {head: float(loss.detach()) for head, loss in losses.items()}

    def validate(self) -> dict[str, float]:
        """Return the accuracy of each head on held-out pictures, and their mean."""
        right: dict[str, list[bool]] = {head: [] for head in HEADS}
        device = next(self.module.parameters()).device
        for first in range(0, len(self.validation), 16):
            part = self.validation[first : first + 16]
            views = np.stack([crop_resize(read_rgb(picture.path), None, IMAGE_SIZE) for picture in part])
            logits = self.network(scaled(torch.from_numpy(views).to(device)))
            for head in HEADS:
                best = logits[head].argmax(dim=1).tolist()
                right[head] += [
                    best[row] == picture.answers[head] for row, picture in enumerate(part) if head in picture.answers
                ]
        figures = {head: float(np.mean(hits)) for head, hits in right.items() if hits}
        return {**figures, "accuracy": float(np.mean(list(figures.values())))}


def start_classifier(recipe: ClassifierRecipe, weights: Path) -> Classifier:
    """Return the network of a recipe with its initial weights."""
    network = Classifier.from_recipe(recipe.model_dump())
    if recipe.start == IMAGENET:
        network.backbone, network.imagenet = MobileNetV2(weights), imagenet_head(weights)
    if recipe.start in (IMAGENET, RANDOM):
        # Without ImageNet's classes their sums say nothing, and what the network learns is what it answers.
        known = float(recipe.start == IMAGENET)
        network.class_tags.copy_(torch.from_numpy(tag_matrix()) * known)
        network.class_intents.copy_(torch.from_numpy(intent_matrix()) * known)
    begin(network, recipe.start, "classifier")
    return network


def custom_classifier_task(
    recipe: ClassifierRecipe, data: Path, weights: Path, out: Path, console: Console
) -> CustomClassifierTask:
    """Return the task on custom data, with the built-in data sets by share.

    Raises:
        InvalidInput: data is missing or a table is not understood.
    """
    custom = recipe.custom
    assert custom is not None
    train, validation = read_tags(custom)
    if not train or not validation:
        raise InvalidInput(f"{custom.csv} has too few rows: training needs some, and a fifth (or split val) validates.")
    groups: list[tuple[float, Sequence[KnownPicture]]] = [(custom.share, train)]
    if not custom.alone:
        built_in = training_pictures(data, recipe, out / "rendered", console)
        for name, share in recipe.groups.model_dump().items():
            part = [
                known_picture(p.path, name, intent=p.intent, tag=p.tag, source="photo")
                for p in built_in
                if p.group == name
            ]
            if part and share:
                groups.append(((1 - custom.share) * share / sum(recipe.groups.model_dump().values()), part))
    return CustomClassifierTask(recipe, groups, validation, weights)


def _view(picture: KnownPicture, rng: np.random.Generator) -> tuple[Pixels, dict[str, int]]:
    """Return an augmented view, uint8 [3, 224, 224], and its answers."""
    pixels, answers = augmented_photo(picture.path, rng, 0.6), dict(picture.answers)
    if answers.get("source") == SOURCES.index("photo") and rng.random() < _COMPOSED:
        source = str(rng.choice([name for name in SOURCES if name != "photo"]))
        pixels, answers["source"] = composed(source, [pixels], rng), SOURCES.index(source)
    if rng.random() < 0.5:
        pixels = recompressed(pixels, int(rng.integers(35, 95)))
    return crop_resize(random_blur(pixels, rng, 0.8), None, IMAGE_SIZE), answers
