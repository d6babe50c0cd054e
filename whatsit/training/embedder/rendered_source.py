"""Rendered products as a picture source, each its own class."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from whatsit.rendering.product import draw, make_products
from whatsit.rendering.shop import catalogue_picture
from whatsit.training.embedder.augment import Image, random_box
from whatsit.training.embedder.picture_sources import finish, photographed_view
from whatsit.vision.crop import crop_resize

_POSES = 2
_DRAWN_SIZE = 224


class RenderedSource:
    """Picture source of one rendered shop; variants of a line are classes.

    Drawing costs more than photographing, so each product's catalogue picture and a few poses of it are drawn once,
    on first use, and kept compressed in memory.

    Args:
        products: how many.
        seed: the shop; 1000 and above, the ones below are for tests and the demo.
    """

    def __init__(self, products: int, seed: int) -> None:
        self.seed, self._products = seed, make_products(products, seed)
        self.classes = len(self._products)
        self.labels = np.arange(self.classes, dtype=np.int64)
        self._drawn: dict[tuple[int, int], bytes] = {}

    def plain(self, index: int, size: int) -> Image:
        """Return the catalogue picture squashed to uint8 [3, size, size]."""
        return crop_resize(self._catalogue(index), size=size)

    def view(self, index: int, size: int, rng: np.random.Generator) -> Image:
        """Return the catalogue picture or a photo of it, uint8 [3, size, size]."""
        if rng.random() < 0.25:
            picture = self._catalogue(index)
            box = _not_white(picture) if rng.random() < 0.5 else random_box(picture, rng, 0.9)
            return finish(picture, box, size, rng, flip=False, light=0.15)
        pose = self._pose(index, int(rng.integers(_POSES)))
        return photographed_view(pose, size, rng, _DRAWN_SIZE)

    def _catalogue(self, index: int) -> Image:
        return self._once((index, -1), lambda: catalogue_picture(self._products[index]))

    def _pose(self, index: int, pose: int) -> Image:
        return self._once((index, pose), lambda: draw(self._products[index], _DRAWN_SIZE, view=1 + pose))

    def _once(self, key: tuple[int, int], make: Callable[[], Image]) -> Image:
        if key not in self._drawn:
            self._drawn[key] = cv2.imencode(".png", make(), [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
        return np.asarray(cv2.imdecode(np.frombuffer(self._drawn[key], np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)


def _not_white(picture: Image) -> npt.NDArray[np.float32]:
    """Return the bounding box x1, y1, x2, y2 of the pixels that are not white."""
    x, y, width, height = cv2.boundingRect((picture.min(axis=2) < 245).astype(np.uint8))
    return np.array([x, y, x + width, y + height], np.float32)
