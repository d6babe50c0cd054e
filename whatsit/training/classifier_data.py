"""The classifier's pictures, their targets, and the views that are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from torch import Tensor
from whatsit_client.taxonomy import INTENTS, SOURCES, TAGS

from whatsit.evaluation.drawn import draw_pictures
from whatsit.evaluation.imagenet_tags import topic_matrix
from whatsit.evaluation.labelled import read_rgb
from whatsit.evaluation.tagged import (
    TaggedPicture,
    read_clothing,
    read_grocery,
    read_grocery_shop,
    read_imagenet,
)
from whatsit.rendering.mockups import compose_advertisement, compose_screenshot
from whatsit.training.augment import random_blur, random_box, random_light, random_turn
from whatsit.training.classifier_recipe import ClassifierRecipe
from whatsit.training.progress import counted
from whatsit.vision.crop import crop_resize

Pixels = npt.NDArray[np.uint8]
Batch = tuple[Tensor, dict[str, Tensor]]

COMPOSE = {"advertisement": compose_advertisement, "screenshot": compose_screenshot}


def training_pictures(data: Path, recipe: ClassifierRecipe, rendered: Path, console: Console) -> list[TaggedPicture]:
    """Every picture that trains, by group; drawn ones are written to the folder `rendered` first.

    Raises:
        InvalidInput: a data set is not under `data`.
    """
    return [
        *read_imagenet(data / "imagenet_sample", held_out=False),
        *read_grocery(data / "grocery_store", "train"),
        *(TaggedPicture(p.path, "shop", p.intent, p.tag) for p in read_grocery_shop(data / "grocery_store")),
        *read_clothing(data / "clothing_small", "train"),
        *draw_pictures(
            rendered,
            recipe.rendered_pictures,
            recipe.rendered_seed,
            lambda products: counted(products, "Drawing pictures of products", console),
        ),
    ]


def tag_targets(
    pictures: Sequence[TaggedPicture], teacher: npt.NDArray[np.float32], share: float
) -> npt.NDArray[np.float32]:
    """Mix what is known with what the teacher sees.

    Args:
        pictures: N pictures.
        teacher: f32 [N, 42], the teacher's tags.
        share: the teacher's part for imagenet photos. Elsewhere, where ImageNet has no fitting class for much, half
            of it; drawn pictures, which the teacher has never seen the like of, have none.

    Returns:
        f32 [N, 42], rows sum to 1.
    """
    parts = {"imagenet": share, "rendered": 0.0}
    part = np.array([parts.get(p.group, share / 2) for p in pictures], np.float32)[:, None]
    known = np.zeros_like(teacher)
    known[np.arange(len(pictures)), [TAGS.index(p.tag) for p in pictures]] = 1
    return np.asarray((1 - part) * known + part * teacher, np.float32)


class ClassifierViews:
    """Makes batches: pictures drawn by group, augmented, some composed into advertisements and screenshots.

    Args:
        pictures: all training pictures.
        tags: f32 [N, 42] tag targets.
        recipe: shares, batch and seed.
        size: side of the views in pixels.
    """

    def __init__(
        self, pictures: Sequence[TaggedPicture], tags: npt.NDArray[np.float32], recipe: ClassifierRecipe, size: int
    ) -> None:
        self.pictures, self.tags, self.recipe, self.size = pictures, tags, recipe, size
        self.intents = np.array([INTENTS.index(p.intent) for p in pictures])
        self.topics = tags @ topic_matrix()
        self.groups = {
            group: (share, np.flatnonzero([p.group == group for p in pictures]))
            for group, share in recipe.groups.model_dump().items()
        }
        self.groups = {name: found for name, found in self.groups.items() if found[0] > 0 and len(found[1])}

    def batch(self, step: int) -> Batch:
        """Make the batch of one step, the same whenever it is asked for.

        Returns:
            Views uint8 [n, 3, size, size] and targets: intent and source int64 [n], topic f32 [n, 9], tag f32 [n, 42].
        """
        rng = np.random.default_rng([self.recipe.seed, step])
        shares = np.array([share for share, _ in self.groups.values()])
        members = [indices for _, indices in self.groups.values()]
        chosen = [
            int(rng.choice(members[g])) for g in rng.choice(len(members), self.recipe.batch, p=shares / shares.sum())
        ]
        views, sources = zip(*(self._view(index, rng) for index in chosen), strict=True)
        targets = {
            "intent": torch.from_numpy(self.intents[chosen]),
            "source": torch.tensor(sources),
            "topic": torch.from_numpy(self.topics[chosen]),
            "tag": torch.from_numpy(self.tags[chosen]),
        }
        return torch.from_numpy(np.stack(views)), targets

    def _view(self, index: int, rng: np.random.Generator) -> tuple[Pixels, int]:
        pixels = self._photo(index, rng)
        source = "photo"
        if rng.random() < self.recipe.composed:
            source = str(rng.choice(list(COMPOSE)))
            pixels = composed(source, [pixels, *self._companions(index, rng)], rng)
        if rng.random() < 0.5:
            pixels = recompressed(pixels, int(rng.integers(35, 95)))
        return crop_resize(random_blur(pixels, rng, 0.8), None, self.size), SOURCES.index(source)

    def _photo(self, index: int, rng: np.random.Generator) -> Pixels:
        pixels = read_rgb(self.pictures[index].path)
        x1, y1, x2, y2 = random_box(pixels, rng, 0.55).astype(int)
        pixels = pixels[y1 : max(y2, y1 + 8), x1 : max(x2, x1 + 8)]
        if rng.random() < 0.5:
            pixels = pixels[:, ::-1]
        if rng.random() < 0.3:
            pixels = random_turn(np.ascontiguousarray(pixels), rng, 12)
        return random_light(np.ascontiguousarray(pixels), rng, 0.3)

    def _companions(self, index: int, rng: np.random.Generator) -> list[Pixels]:
        """Up to two more photos of the same group and intent, for grids and flyers."""
        _, members = self.groups[self.pictures[index].group]
        alike = members[self.intents[members] == self.intents[index]]
        return [self._photo(int(i), rng) for i in rng.choice(alike, int(rng.integers(0, 3)))]


def composed(source: str, photos: Sequence[Pixels], rng: np.random.Generator) -> Pixels:
    """Compose an "advertisement" or a "screenshot" and, now and then, cut a little of its borders off."""
    pixels = COMPOSE[source](photos, rng)
    if rng.random() < 0.3:
        height, width = pixels.shape[:2]
        top, bottom = (rng.uniform(0, 0.08, 2) * height).astype(int)
        left, right = (rng.uniform(0, 0.08, 2) * width).astype(int)
        pixels = np.ascontiguousarray(pixels[top : height - bottom, left : width - right])
    return pixels


def recompressed(pixels: Pixels, quality: int) -> Pixels:
    """The picture after one more JPEG compression at `quality` 1..100."""
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
