"""The embedder's losses by name, from pytorch-metric-learning."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, cast

import torch.nn.functional as F
from pytorch_metric_learning import losses
from torch import Tensor, nn

ClassLoss = Literal["cosface", "arcface", "sphereface", "softmax"]
PairLoss = Literal["none", "contrastive", "triplet", "lifted_structure", "supcon", "multi_similarity"]


def class_loss(name: ClassLoss, classes: int, dimension: int, margin: float, scale: float) -> nn.Module:
    """Return a softmax loss over cosines to learnt class vectors.

    They are its parameter `W`, f32 [dimension, classes].

    Args:
        name: "cosface" subtracts `margin` from the right cosine (Wang et al. 2018), "arcface" adds it, in radians, to
            the right angle (Deng et al. 2019), "sphereface" multiplies the right angle by it (Liu et al. 2017; whole
            numbers), "softmax" has none (Zhai & Wu 2019).
        classes: number of classes.
        dimension: length of the embeddings.
        margin: 0 or more; for "sphereface" 1 or more.
        scale: factor of the cosines before the softmax.
    """
    if name == "cosface":
        loss: nn.Module = losses.CosFaceLoss(classes, dimension, margin=margin, scale=scale)
    elif name == "arcface":
        loss = losses.ArcFaceLoss(classes, dimension, margin=math.degrees(margin), scale=scale)
    elif name == "sphereface":
        loss = losses.SphereFaceLoss(classes, dimension, margin=round(margin), scale=scale)
    else:
        loss = losses.NormalizedSoftmaxLoss(classes, dimension, temperature=1 / scale)
    return loss


def class_logits(criterion: nn.Module, vectors: Tensor, scale: float) -> Tensor:
    """Return scale * cosine to each class vector, without a margin."""
    return scale * vectors @ F.normalize(cast(Tensor, criterion.W), dim=0)


def pair_loss(name: PairLoss) -> nn.Module | None:
    """Return a pair loss with the settings of its paper; None for "none".

    Args:
        name: "contrastive" (Hadsell et al. 2006), "triplet" (Schroff et al. 2015), "lifted_structure" (Oh Song et al.
            2016), "supcon" (Khosla et al. 2020) or "multi_similarity" (Wang et al. 2019).
    """
    if name == "none":
        return None
    made: dict[str, Callable[[], nn.Module]] = {
        "contrastive": lambda: losses.ContrastiveLoss(pos_margin=0, neg_margin=1),
        "triplet": lambda: losses.TripletMarginLoss(margin=0.1),
        "lifted_structure": lambda: losses.LiftedStructureLoss(neg_margin=1, pos_margin=0),
        "supcon": lambda: losses.SupConLoss(temperature=0.1),
        "multi_similarity": losses.MultiSimilarityLoss,
    }
    return made[name]()
