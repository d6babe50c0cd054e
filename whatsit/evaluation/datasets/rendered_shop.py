"""A rendered shop of unseen products: scene crops to catalogue pictures."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.rendering.product import make_products
from whatsit.rendering.scene import make_scene
from whatsit.rendering.shop import catalogue_picture

Image = npt.NDArray[np.uint8]


class RenderedShop:
    """Products of one seed, three to a scene; a hit is the same product's picture.

    Args:
        products: number of products in the shop.
        seed: the shop; below 1000, which no network has trained on.
        scenes: number of scenes.
    """

    def __init__(self, products: int = 300, seed: int = 1, scenes: int = 100) -> None:
        self._products = make_products(products, seed)
        self.seed, self.scenes = seed, scenes

    def queries(self) -> list[tuple[Image, npt.NDArray[np.float32]]]:
        """Return each product's scene uint8 [H, W, 3] and box f32 [4] in pixels."""
        return [(image, box) for image, box, _ in self._queries]

    def truth(self) -> list[int]:
        """Return the place in `gallery` of each query's product."""
        return [place for _, _, place in self._queries]

    def gallery(self) -> list[Image]:
        """Return the catalogue pictures, uint8 [H, W, 3]."""
        return [catalogue_picture(product) for product in self._products]

    def check(self) -> None:
        """Make sure that the shop may be measured on.

        Raises:
            InvalidInput: its seed is one of those that networks train on.
        """
        if self.seed >= 1000:
            raise InvalidInput(f"Shop seed {self.seed} may have been trained on: measure on a seed below 1000.")

    @cached_property
    def _queries(self) -> list[tuple[Image, npt.NDArray[np.float32], int]]:
        places = {product.id: place for place, product in enumerate(self._products)}
        found = []
        for number in range(self.scenes):
            scene = make_scene(self._products, np.random.default_rng([self.seed, 29, number]))
            found += [(scene.image, box, places[i]) for box, i in zip(scene.boxes, scene.product_ids, strict=True)]
        return found
