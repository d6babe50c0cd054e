"""Contrastive loss between two views of a picture (SimCLR, Chen et al. 2020).

Class labels alone let all shirts fall onto one point; this keeps each picture an item of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from whatsit.training.embedder.mixture import Ingredient

TEMPERATURE = 0.1


def positive_pairs(ingredients: Sequence[Ingredient], pictures: Sequence[int]) -> Tensor:
    """Return the positions of positive pairs in a batch, int64 [pairs, 2].

    Args:
        ingredients: of the mixture, in its order.
        pictures: how many pictures of each a batch has.
    """
    pairs, first = [], 0
    for ingredient, count in zip(ingredients, pictures, strict=True):
        if ingredient.views == 2:
            pairs += [(first + 2 * k, first + 2 * k + 1) for k in range(count)]
        first += count * ingredient.views
    return torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)


def simclr_loss(vectors: Tensor, positives: Tensor) -> Tensor:
    """Return the NT-Xent loss of positive pairs against all other views.

    Args:
        vectors: f32 [n, d], unit length.
        positives: int64 [pairs, 2], at least one.
    """
    places = torch.cat([positives, positives.flip(1)]).to(vectors.device)
    similar = vectors[places[:, 0]] @ vectors.T / TEMPERATURE
    itself = F.one_hot(places[:, 0], len(vectors)).bool()
    return F.cross_entropy(similar.masked_fill(itself, -torch.inf), places[:, 1])
