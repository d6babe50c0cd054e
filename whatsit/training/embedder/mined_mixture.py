"""Mixture with hard-class mining: confusable classes share batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from whatsit.training.embedder.layered_dbscan import ALONE, grouped_order, layered_groups, radii_for
from whatsit.training.embedder.mixture import Ingredient, Mixture

_LOOSENESS = 0.1


class HardGroups(nn.Module):
    """Group of each class, in a buffer that checkpoints keep.

    Args:
        classes: numbers of the classes that are grouped, int64, ascending.
        shares: of these classes that have a neighbour in each layer, ascending; see `radii_for`.
    """

    of_class: Tensor

    def __init__(self, classes: npt.NDArray[np.int64], shares: Sequence[float]) -> None:
        super().__init__()
        self.classes, self.shares = classes, tuple(shares)
        self.register_buffer("of_class", torch.full((int(classes.max()) + 1,), ALONE, dtype=torch.int64))

    def regroup(self, class_vectors: Tensor) -> None:
        """Cluster the class vectors, f32 [d, all classes]."""
        centres = class_vectors.detach().T.cpu().numpy()[self.classes]
        groups = layered_groups(centres, radii_for(centres, self.shares))
        self.of_class[torch.from_numpy(self.classes)] = torch.from_numpy(groups).to(self.of_class.device)


class MinedMixture(Mixture):
    """Mixture that orders the pictures of its first ingredient by class groups.

    Attributes:
        groups: of each class, int64; set it between epochs. ALONE everywhere to begin with.
    """

    def __init__(self, ingredients: Sequence[Ingredient], batch: int, size: int, seed: int) -> None:
        super().__init__(ingredients, batch, size, seed)
        self.groups = np.full(self.ingredients[0].source.classes, ALONE, np.int64)

    def order(self, k: int, round_number: int) -> npt.NDArray[np.int64]:
        """Return the pictures of ingredient `k` in the order of one round, int64."""
        if k:
            return super().order(k, round_number)
        rng = np.random.default_rng([self.seed, 3, round_number])
        return grouped_order(self.ingredients[0].source.labels, self.groups, _LOOSENESS, rng)
