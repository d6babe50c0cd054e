"""Picture sources of the embedder's training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.rendering.photo import photograph
from whatsit.training.embedder.augment import Image, random_blur, random_box, random_light, random_margin, random_turn
from whatsit.vision.crop import crop_resize


class PictureSource(Protocol):
    """Pictures with class labels of the source's own, 0..classes - 1."""

    classes: int
    labels: npt.NDArray[np.int64]
    """The label of each picture, int64 [n]."""

    def plain(self, index: int, size: int) -> Image:
        """Return picture `index` preprocessed as in serving, uint8 [3, size, size]."""

    def view(self, index: int, size: int, rng: np.random.Generator) -> Image:
        """Return an augmented view of picture `index`, uint8 [3, size, size]."""


def file_key(path: Path) -> str:
    """Return the name of a picture file that is the same wherever the data sets lie."""
    return "/".join(path.parts[-3:])


def picture_keys(source: PictureSource) -> list[str]:
    """Return a name for each picture of a source that is the same in every run."""
    files: Sequence[Path] | None = getattr(source, "files", None)
    if files is not None:
        return [file_key(path) for path in files]
    drawn = f"{type(source).__name__}-{getattr(source, 'seed', 0)}-{len(source.labels)}"
    return [f"{drawn}-{index}" for index in range(len(source.labels))]


class PhotoSource:
    """Photos on disk, labelled by class or each its own class.

    Args:
        files: the photos.
        labels: their classes; None makes each photo a class.
        smallest: smallest side of a random crop, as a share of the photo's.
        flip: whether mirrored views are allowed.
        photographed: chance that a view is a synthetic photograph of the picture: slanted, relit, blurred, partly
            covered, before another background.
    """

    def __init__(
        self,
        files: Sequence[Path],
        labels: Sequence[int] | None = None,
        *,
        smallest: float = 0.65,
        flip: bool = True,
        photographed: float = 0.0,
    ) -> None:
        self.files = list(files)
        self.labels = np.asarray(range(len(self.files)) if labels is None else labels, np.int64)
        self.classes = int(self.labels.max()) + 1 if len(self.labels) else 0
        self._smallest, self._flip, self._photographed = smallest, flip, photographed

    def plain(self, index: int, size: int) -> Image:
        """Return the whole photo squashed to uint8 [3, size, size]."""
        return crop_resize(read_rgb(self.files[index]), size=size)

    def view(self, index: int, size: int, rng: np.random.Generator) -> Image:
        """Return a turned, cropped, relit view, uint8 [3, size, size]."""
        image = read_rgb(self.files[index])
        if self._photographed and rng.random() < self._photographed:
            return photographed_view(image, size, rng)
        if rng.random() < 0.3:
            image = random_turn(image, rng, degrees=12)
        return finish(image, random_box(image, rng, self._smallest), size, rng, flip=self._flip)


class ShopSource(PhotoSource):
    """Clean shop images on white: random margins, few crops, little jitter."""

    def view(self, index: int, size: int, rng: np.random.Generator) -> Image:
        """Return a view with other margins, uint8 [3, size, size]."""
        image = read_rgb(self.files[index])
        if self._photographed and rng.random() < self._photographed:
            return photographed_view(image, size, rng)
        image = random_margin(image, rng, largest=0.15)
        return finish(image, random_box(image, rng, 0.85), size, rng, flip=self._flip, light=0.15)


def photographed_view(picture: Image, size: int, rng: np.random.Generator, frame: int = 224) -> Image:
    """Render a synthetic photo of a picture and crop it like a detector.

    Args:
        picture: uint8 [H, W, 3 or 4].
        size: side of the view in pixels.
        rng: the source of chance.
        frame: side of the photo in pixels.

    Returns:
        uint8 [3, size, size].
    """
    photo, box = photograph(picture, rng, (frame, frame), strength=rng.uniform(0.2, 0.8))
    width, height = box[2:] - box[:2]
    slack = rng.uniform(-0.06, 0.15, 4) * (width, height, width, height)
    loose = np.concatenate([box[:2] - slack[:2], box[2:] + slack[2:]]).astype(np.float32)
    return finish(photo, loose, size, rng, flip=False, light=0.1)


def finish(
    image: Image,
    box: npt.NDArray[np.float32],
    size: int,
    rng: np.random.Generator,
    *,
    flip: bool,
    light: float = 0.3,
) -> Image:
    """Crop, resize, flip, jitter and blur a view, uint8 [3, size, size]."""
    square = np.ascontiguousarray(crop_resize(image, box, size).transpose(1, 2, 0))
    if flip and rng.random() < 0.5:
        square = np.ascontiguousarray(square[:, ::-1])
    square = random_light(square, rng, light)
    if rng.random() < 0.3:
        square = random_blur(square, rng, largest=1.5)
    return np.ascontiguousarray(square.transpose(2, 0, 1))


def read_rgb(path: Path) -> Image:
    """Read a picture as uint8 [H, W, 3].

    Raises:
        InvalidInput: the file is missing or not a picture.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise InvalidInput(f"The training picture {path} cannot be read: repair or remove it.")
    return np.ascontiguousarray(image[..., ::-1])
