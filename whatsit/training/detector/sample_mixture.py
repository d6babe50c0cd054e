"""Training pictures of detectors, mixed from several sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from torch import nn

from whatsit.evaluation.datasets.labelled_pictures import LabelledPicture
from whatsit.training.detector.copy_paste import Cutout, paste
from whatsit.training.detector.mosaic import Sample, distort, mosaic, single


class MixtureRecipe(Protocol):
    """What a recipe says of the mixture and of the learning rates."""

    @property
    def shares(self) -> dict[str, float]:
        """How often each source is drawn."""

    @property
    def mosaic(self) -> float:
        """Share of samples that are mosaics of four pictures."""

    @property
    def pasted(self) -> float:
        """Share of the other samples that get drawn products pasted on."""

    @property
    def backbone_rate(self) -> float:
        """Learning rate of what starts trained."""

    @property
    def head_rate(self) -> float:
        """Learning rate of the rest."""


class SampleMixture:
    """Draws training pictures: mosaics, single pictures, and products pasted on them.

    Args:
        recipe: shares of the sources, of mosaics and of pasted products.
        sources: labelled pictures under the names that `recipe.shares` uses; a share without a source is left out.
        cutouts: products to paste; none turns pasting off.
    """

    def __init__(
        self, recipe: MixtureRecipe, sources: Mapping[str, Sequence[LabelledPicture]], cutouts: Sequence[Cutout]
    ) -> None:
        self.recipe, self.cutouts = recipe, cutouts
        self.sources = {name: sources[name] for name, share in recipe.shares.items() if share > 0 and sources.get(name)}
        weight = np.array([recipe.shares[name] for name in self.sources])
        self.weights = weight / weight.sum()

    def sample(self, size: int, rng: np.random.Generator) -> Sample:
        """Draw one training picture of `size` pixels."""
        if rng.random() < self.recipe.mosaic:
            return distort(mosaic([self._picture(rng) for _ in range(4)], size, rng), rng)
        sample = single(self._picture(rng), size, rng)
        if self.cutouts and rng.random() < self.recipe.pasted:
            sample = paste(sample, self.cutouts, rng)
        return distort(sample, rng)

    def _picture(self, rng: np.random.Generator) -> LabelledPicture:
        pictures = self.sources[str(rng.choice(list(self.sources), p=self.weights))]
        return pictures[int(rng.integers(len(pictures)))]


class Learnt(Protocol):
    """Tells which parameters start trained."""

    def __call__(self, parameter: str, /) -> bool:
        """Return whether a parameter starts from trained weights."""


def detector_parameters(network: nn.Module, learnt: Learnt, recipe: MixtureRecipe) -> list[dict[str, Any]]:
    """Return AdamW's groups by start (trained or new) and by decay (weights or norms)."""
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            rate = recipe.backbone_rate if learnt(name) else recipe.head_rate
            groups.setdefault((rate, parameter.ndim > 1), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, **({} if decays else {"weight_decay": 0.0})}
        for (rate, decays), parameters in groups.items()
    ]
