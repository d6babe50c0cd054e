"""Center loss on angles (Wen et al. 2016).

A margin softmax is content once the right class vector is nearest by the margin. A photo then finds its class
vector, but the shop image, which has to stand in for that vector in a catalogue, may lie anywhere around it.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def center_loss(vectors: Tensor, labels: Tensor, class_vectors: Tensor, classes: int) -> Tensor:
    """Return the mean of 1 - cosine between views and their class vectors.

    Args:
        vectors: f32 [n, d], unit length.
        labels: int64 [n].
        class_vectors: f32 [d, all classes], of any length but zero.
        classes: views with labels from here on take no part: garments of a kind are different things.

    Returns:
        f32 scalar, 0..2; 0 where no view takes part.
    """
    chosen = labels < classes
    targets = F.normalize(class_vectors.T[labels[chosen]].float())
    return (1 - (vectors[chosen] * targets).sum(1)).sum() / max(1, int(chosen.sum()))
