"""Deep mutual learning of two networks (Zhang et al. 2018).

Each is trained on the labels and, by the Kullback-Leibler divergence, towards the class posterior of the other. Both
are updated in the same step; no gradient crosses over. Only the small network is shipped.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from whatsit.training.embedder.losses.metric_losses import class_logits


class MutualLearning(nn.Module):
    """The large network, with its class vectors.

    Args:
        network: maps f32 [n, 3, h, w] scaled to -1..1 to unit vectors.
        criterion: class loss over its vectors, with class vectors `W`.
        scale: of the cosines in the posteriors.
    """

    def __init__(self, network: nn.Module, criterion: nn.Module, scale: float) -> None:
        super().__init__()
        self.network, self.criterion, self.scale = network, criterion, scale

    def forward(self, images: Tensor, labels: Tensor, small: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of the large network and the small one's divergence.

        Args:
            images: f32 [n, 3, h, w], for the large network.
            labels: int64 [n].
            small: logits of the small network, f32 [n, classes].
        """
        vectors = self.network(images)
        large = class_logits(self.criterion, vectors, self.scale)
        return self.criterion(vectors, labels) + divergence(large, small), divergence(small, large)


def divergence(logits: Tensor, other: Tensor) -> Tensor:
    """Return the mean KL(other || logits) of the posteriors of logits [n, classes]."""
    target = F.log_softmax(other.detach(), dim=1)
    return F.kl_div(F.log_softmax(logits, dim=1), target, reduction="batchmean", log_target=True)
