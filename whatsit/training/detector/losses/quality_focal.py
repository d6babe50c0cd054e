"""Quality focal loss (Li et al., Generalized Focal Loss, 2020)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def quality_focal(logits: Tensor, targets: Tensor, beta: float = 2.0) -> Tensor:
    """Return the cross-entropy to soft targets, weighted by the score's error.

    With targets of 0 and 1 alone it is the focal loss (Lin et al., 2017) without its alpha; a target between them is
    the IoU that the box of this anchor reaches, so the score learns to tell well-placed boxes.

    Args:
        logits: float32 of any shape.
        targets: float32 of that shape, 0..1.
        beta: how much easy anchors are played down.

    Returns:
        float32 of that shape.
    """
    wrong = (targets - logits.sigmoid()).abs().pow(beta)
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none") * wrong
