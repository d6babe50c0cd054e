"""The classifier's pictures, and the views that are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from whatsit_client.taxonomy import INTENTS

from whatsit.evaluation.datasets.drawn_pictures import draw_pictures
from whatsit.evaluation.datasets.labelled_pictures import read_rgb
from whatsit.evaluation.datasets.tagged_pictures import (
    TaggedPicture,
    read_clothing,
    read_grocery,
    read_grocery_shop,
    read_imagenet,
)
from whatsit.rendering.mockups import compose_advertisement, compose_screenshot
from whatsit.training.classifier.recipe import ClassifierRecipe
from whatsit.training.common.progress import counted
from whatsit.training.embedder.augment import random_blur, random_box, random_light, random_turn
from whatsit.vision.crop import crop_resize

Pixels = npt.NDArray[np.uint8]

_SMALLEST = 0.55
COMPOSE = {"advertisement": compose_advertisement, "screenshot": compose_screenshot}


def training_pictures(data: Path, recipe: ClassifierRecipe, rendered: Path, console: Console) -> list[TaggedPicture]:
    """List the training pictures by group and render the synthetic ones.

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


@dataclass(frozen=True)
class View:
    """One look at a picture.

    Args:
        pixels: what the network sees, uint8 [3, size, size].
        source: "photo", "advertisement" or "screenshot".
        photo: the photo inside, as the teacher sees it: uint8 [3, size, size]; the same as `pixels` for a photo.
    """

    pixels: Pixels
    source: str
    photo: Pixels


class ClassifierViews:
    """Views of the training pictures: augmented photos, advertisements, screenshots.

    Args:
        pictures: all training pictures.
        seed: view v of picture i is the same for a seed, whatever was asked for before.
        size: side of the views in pixels.
    """

    def __init__(self, pictures: Sequence[TaggedPicture], seed: int, size: int) -> None:
        self.pictures, self.seed, self.size = pictures, seed, size
        intents = np.array([INTENTS.index(p.intent) for p in pictures])
        groups = np.array([p.group for p in pictures])
        kinds = {(p.group, p.intent) for p in pictures}
        self._alike = {
            (group, intent): np.flatnonzero((groups == group) & (intents == INTENTS.index(intent)))
            for group, intent in kinds
        }

    def view(self, number: int, index: int) -> View:
        """Return one view of a picture: plain, augmented or composed.

        View 0 is the picture itself; views 2, 4, 6, … are composed, the others are augmented photos.
        """
        if number == 0:
            plain = crop_resize(read_rgb(self.pictures[index].path), None, self.size)
            return View(plain, "photo", plain)
        rng = np.random.default_rng([self.seed, number, index])
        pixels = photo = augmented_photo(self.pictures[index].path, rng, _SMALLEST)
        source = "photo"
        if number % 2 == 0:
            source = str(rng.choice(list(COMPOSE)))
            pixels = composed(source, [pixels, *self._companions(index, rng)], rng)
        if rng.random() < 0.5:
            pixels = recompressed(pixels, int(rng.integers(35, 95)))
        seen = crop_resize(random_blur(pixels, rng, 0.8), None, self.size)
        return View(seen, source, seen if source == "photo" else crop_resize(photo, None, self.size))

    def _companions(self, index: int, rng: np.random.Generator) -> list[Pixels]:
        """Return up to two more photos of the same group and intent."""
        picture = self.pictures[index]
        alike = self._alike[picture.group, picture.intent]
        return [
            augmented_photo(self.pictures[int(i)].path, rng, _SMALLEST)
            for i in rng.choice(alike, int(rng.integers(0, 3)))
        ]


def augmented_photo(path: Path, rng: np.random.Generator, smallest: float) -> Pixels:
    """Read a photo; crop to `smallest`..1 of its sides, flip, turn and relight it."""
    pixels = read_rgb(path)
    x1, y1, x2, y2 = random_box(pixels, rng, smallest).astype(int)
    pixels = pixels[y1 : max(y2, y1 + 8), x1 : max(x2, x1 + 8)]
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    if rng.random() < 0.3:
        pixels = random_turn(np.ascontiguousarray(pixels), rng, 12)
    return random_light(np.ascontiguousarray(pixels), rng, 0.3)


def composed(source: str, photos: Sequence[Pixels], rng: np.random.Generator) -> Pixels:
    """Compose an "advertisement" or a "screenshot" and crop its borders at random."""
    pixels = COMPOSE[source](photos, rng)
    if rng.random() < 0.3:
        height, width = pixels.shape[:2]
        top, bottom = (rng.uniform(0, 0.08, 2) * height).astype(int)
        left, right = (rng.uniform(0, 0.08, 2) * width).astype(int)
        pixels = np.ascontiguousarray(pixels[top : height - bottom, left : width - right])
    return pixels


def recompressed(pixels: Pixels, quality: int) -> Pixels:
    """Compress the picture once more as JPEG of `quality` 1..100."""
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
