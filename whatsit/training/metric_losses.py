"""The embedder's losses by name, from pytorch-metric-learning."""

from __future__ import annotations

import math
from typing import Literal

from pytorch_metric_learning import losses
from torch import nn

ClassLoss = Literal["cosface", "arcface", "softmax"]
PairLoss = Literal["none", "supcon", "triplet", "multi_similarity"]


def class_loss(name: ClassLoss, classes: int, dimension: int, margin: float, scale: float) -> nn.Module:
    """Return a softmax over cosines to learnt class vectors (`W`, f32 [dimension, classes]).

    Args:
        name: "cosface" subtracts `margin` from the right cosine (Wang et al. 2018), "arcface" adds it, in radians, to
            the right angle (Deng et al. 2019), "softmax" has none (Zhai & Wu 2019).
        classes: number of classes.
        dimension: length of the embeddings.
        margin: 0 or more.
        scale: factor of the cosines before the softmax.
    """
    if name == "cosface":
        loss: nn.Module = losses.CosFaceLoss(classes, dimension, margin=margin, scale=scale)
    elif name == "arcface":
        loss = losses.ArcFaceLoss(classes, dimension, margin=math.degrees(margin), scale=scale)
    else:
        loss = losses.NormalizedSoftmaxLoss(classes, dimension, temperature=1 / scale)
    return loss


def pair_loss(name: PairLoss) -> nn.Module | None:
    """Return a loss over the pairs of a batch, with the settings of its paper; None for "none"."""
    loss: nn.Module | None = None
    if name == "supcon":
        loss = losses.SupConLoss(temperature=0.1)
    elif name == "triplet":
        loss = losses.TripletMarginLoss(margin=0.1)
    elif name == "multi_similarity":
        loss = losses.MultiSimilarityLoss()
    return loss
