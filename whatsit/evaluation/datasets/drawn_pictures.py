"""Drawn products as tagged pictures: scenes, photos and catalogue pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from whatsit.evaluation.datasets.tagged_pictures import TaggedPicture
from whatsit.rendering.catalogue_spec import GOODS_BY_CATEGORY
from whatsit.rendering.photo import photograph
from whatsit.rendering.product import Product, draw, make_products
from whatsit.rendering.scene import make_scene
from whatsit.rendering.shop import catalogue_picture, save_jpeg


def draw_pictures(
    folder: Path, count: int, seed: int, track: Callable[[Sequence[Product]], Iterable[Product]] = iter
) -> list[TaggedPicture]:
    """Draw scenes (half), photos and catalogue pictures (a quarter each).

    What is in the folder already is kept. A scene takes the tag and intent of its first product.

    Args:
        folder: where the JPEG files go.
        count: number of pictures.
        seed: of the products; 1 is the demo's, training uses 1000 and above.
        track: wraps the iterable with a progress bar.
    """
    folder.mkdir(parents=True, exist_ok=True)
    products = make_products(max(count, 4), seed)
    pictures = []
    for index, product in enumerate(track(products[:count])):
        goods = GOODS_BY_CATEGORY[product.category]
        path = folder / f"{seed}-{index:05d}.jpg"
        if not path.is_file():
            rng = np.random.default_rng([seed, 5, index])
            if index % 2 == 0:
                others = [product, *(products[int(k)] for k in rng.choice(len(products), 3, replace=False))]
                pixels = make_scene(others, rng, size=(400, 300), count=int(rng.integers(1, 4))).image
            elif index % 4 == 1:
                pixels = photograph(draw(product), rng, size=(300, 300))[0]
            else:
                pixels = catalogue_picture(product)
            save_jpeg(path, pixels)
        pictures.append(TaggedPicture(path, "rendered", goods.intent, goods.tag))
    return pictures
