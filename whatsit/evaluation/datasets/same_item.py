"""Same-item retrieval: synthetic photographs of garments to the garment photos."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from whatsit.evaluation.datasets.clothing import Clothing
from whatsit.rendering.photo import photograph
from whatsit.vision.decode import decode_image

Image = npt.NDArray[np.uint8]


class SameItem:
    """Synthetic photographs of validation photos to all clothing photos.

    The gallery is `clothing.queries()` followed by `clothing.gallery()`, so query k belongs to entry k. The photographs
    come from the renderer that also makes training views, of pictures that are not trained on, from another seed.

    Args:
        clothing: the data set.
        strength: of the photographs, 0 (a studio's) .. 1 (a poor phone photo); 0.6 is the renderer's default.
        seed: of the photographs.
    """

    def __init__(self, clothing: Clothing, strength: float = 0.6, seed: int = 7) -> None:
        self.clothing, self.strength, self.seed = clothing, strength, seed

    def queries(self) -> list[tuple[Image, npt.NDArray[np.float32]]]:
        """Return each item's photograph uint8 [256, 256, 3] and box f32 [4] in pixels."""
        return self._queries

    def truth(self) -> list[int]:
        """Return the place in the gallery of each query's item."""
        return list(range(len(self._queries)))

    @cached_property
    def _queries(self) -> list[tuple[Image, npt.NDArray[np.float32]]]:
        pictures = (decode_image(path.read_bytes()).pixels for path in self.clothing.queries())
        return [
            photograph(picture, np.random.default_rng([self.seed, number]), strength=self.strength)
            for number, picture in enumerate(pictures)
        ]
