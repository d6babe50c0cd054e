"""Batches mixed from several sources in fixed shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from whatsit.training.embedder.picture_sources import PictureSource

Place = tuple[int, int]
"""Number of an ingredient, and of a picture in its source."""


@dataclass(frozen=True)
class Ingredient:
    """A source and its part in each batch.

    Attributes:
        source: the pictures.
        share: part of the batch, 0..1.
        views: views of each picture drawn into the same batch; 2 where a picture is its own class.
        first_label: its class 0 in the numbering of the whole mixture.
    """

    source: PictureSource
    share: float
    views: int = 1
    first_label: int = 0


class Mixture:
    """Draws batch k of a run: the same for the same seed, whatever was drawn before.

    Every source is gone through in shuffled rounds, so its pictures come equally often.

    Args:
        ingredients: shares need not sum to 1; the batch has round(share * batch / views) pictures of each.
        batch: pictures in a batch, about.
        size: side of the views in pixels.
        seed: of shuffling and augmentation.
    """

    def __init__(self, ingredients: Sequence[Ingredient], batch: int, size: int, seed: int) -> None:
        self.ingredients, self.size, self.seed = list(ingredients), size, seed
        self.pictures = [max(1, round(i.share * batch / i.views)) for i in self.ingredients]

    def batch(self, number: int) -> tuple[Tensor, Tensor]:
        """Return batch `number`: views uint8 [n, 3, size, size], labels int64 [n]."""
        views, labels = [], []
        for k, (ingredient, pictures) in enumerate(zip(self.ingredients, self.pictures, strict=True)):
            for place in range(number * pictures, (number + 1) * pictures):
                index = self._index(k, place)
                rng = np.random.default_rng([self.seed, 1, k, place])
                for _ in range(ingredient.views):
                    views.append(ingredient.source.view(index, self.size, rng))
                    labels.append(ingredient.first_label + int(ingredient.source.labels[index]))
        return torch.from_numpy(np.stack(views)), torch.tensor(labels)

    def places(self, number: int) -> list[Place]:
        """Return which picture each view of batch `number` is of."""
        return [
            (k, self._index(k, place))
            for k, (ingredient, pictures) in enumerate(zip(self.ingredients, self.pictures, strict=True))
            for place in range(number * pictures, (number + 1) * pictures)
            for _ in range(ingredient.views)
        ]

    def _index(self, k: int, place: int) -> int:
        count = len(self.ingredients[k].source.labels)
        return int(self.order(k, place // count)[place % count])

    def order(self, k: int, round_number: int) -> npt.NDArray[np.int64]:
        """Return the pictures of ingredient `k` in the order of one round, int64."""
        count = len(self.ingredients[k].source.labels)
        return np.random.default_rng([self.seed, 2, k, round_number]).permutation(count)
