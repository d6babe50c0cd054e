"""Distillation of similarities (as in SEED, Fang et al. 2021, within the batch).

The student need not have the teacher's vectors, only its order: which pictures of a batch are near which. So what a
network of ImageNet knows about all things stays, while the other losses teach products.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TEMPERATURE = 0.1


def similarity_distillation(vectors: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean KL divergence of the student's neighbours from the teacher's.

    Args:
        vectors: of the student, f32 [n, d], unit length.
        teacher: of the teacher for the same pictures, f32 [n, e], unit length.
    """
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    wanted = (teacher @ teacher.T / TEMPERATURE).masked_fill(itself, -torch.inf).softmax(1)
    got = (vectors @ vectors.T / TEMPERATURE).masked_fill(itself, -1e4).log_softmax(1)
    return F.kl_div(got, wanted, reduction="batchmean")
