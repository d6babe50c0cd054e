"""Pictures of several products with known boxes: drawn scenes and collages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.evaluation.datasets.labelled_pictures import read_rgb
from whatsit.rendering.product import Product
from whatsit.rendering.scene import make_scene
from whatsit.rendering.shop import encode_jpeg
from whatsit.rendering.textures import background

FloatArray = npt.NDArray[np.float32]

_SHAPES = ((640, 480), (480, 640), (600, 600))  # width, height


@dataclass(frozen=True)
class ProductScene:
    """One picture and the catalogue items in it.

    Args:
        image: the encoded file.
        boxes: f32 [N, 4], x1, y1, x2, y2 in pixels.
        items: ids of the N items.
    """

    image: bytes
    boxes: FloatArray
    items: tuple[str, ...]


def drawn_scenes(products: Sequence[Product], count: int, seed: int) -> Iterator[ProductScene]:
    """Draw scenes of two to four products; scene k does not depend on `count`."""
    for number in range(count):
        rng = np.random.default_rng([seed, 31, number])
        scene = make_scene(products, rng, count=int(rng.integers(2, 5)))
        yield ProductScene(encode_jpeg(scene.image), scene.boxes, scene.product_ids)


def collages(photos: Sequence[tuple[Path, str]], count: int, seed: int) -> Iterator[ProductScene]:
    """Paste two to four photos of different items on a drawn background.

    The photos are pasted whole, with their surroundings; the truth is the rectangle of each photo.

    Args:
        photos: picture files and the id of the item in each.
        count: number of collages.
        seed: collage k of a seed is the same whatever `count` is.

    Raises:
        InvalidInput: the photos show fewer than four different items, or one cannot be read.
    """
    items = sorted({item for _, item in photos})
    if len(items) < 4:
        raise InvalidInput(f"Collages take photos of at least 4 different items, but there are {len(items)}.")
    members = {item: [path for path, named in photos if named == item] for item in items}
    for number in range(count):
        rng = np.random.default_rng([seed, 37, number])
        chosen = tuple(str(item) for item in rng.choice(items, int(rng.integers(2, 5)), replace=False))
        tiles = [read_rgb(members[item][int(rng.integers(len(members[item])))]) for item in chosen]
        image, boxes = _lay_out(tiles, rng)
        yield ProductScene(encode_jpeg(image), boxes, chosen)


def split(width: int, height: int, parts: int, rng: np.random.Generator) -> list[tuple[int, int, int, int]]:
    """Cut a rectangle into cells x1, y1, x2, y2, across the longer side each time."""
    cells = [(0, 0, width, height)]
    while len(cells) < parts:
        cells.sort(key=lambda c: (c[2] - c[0]) * (c[3] - c[1]))
        x1, y1, x2, y2 = cells.pop()
        share = rng.uniform(0.38, 0.62)
        if x2 - x1 >= y2 - y1:
            cut = x1 + round(share * (x2 - x1))
            cells += [(x1, y1, cut, y2), (cut, y1, x2, y2)]
        else:
            cut = y1 + round(share * (y2 - y1))
            cells += [(x1, y1, x2, cut), (x1, cut, x2, y2)]
    return cells


def _lay_out(
    tiles: Sequence[npt.NDArray[np.uint8]], rng: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], FloatArray]:
    width, height = _SHAPES[int(rng.integers(len(_SHAPES)))]
    image = np.ascontiguousarray(cv2.GaussianBlur(background(rng, width, height), (0, 0), 1.5), np.uint8)
    boxes = []
    for tile, (x1, y1, x2, y2) in zip(tiles, split(width, height, len(tiles), rng), strict=True):
        high, wide = tile.shape[:2]
        fit = min((x2 - x1) / wide, (y2 - y1) / high) * rng.uniform(0.7, 0.94)
        wide, high = max(8, round(fit * wide)), max(8, round(fit * high))
        left = x1 + int(rng.integers(0, max(1, x2 - x1 - wide)))
        top = y1 + int(rng.integers(0, max(1, y2 - y1 - high)))
        image[top : top + high, left : left + wide] = cv2.resize(tile, (wide, high), interpolation=cv2.INTER_AREA)
        boxes.append((left, top, left + wide, top + high))
    return image, np.asarray(boxes, np.float32)
