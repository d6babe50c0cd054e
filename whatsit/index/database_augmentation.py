"""Database augmentation: each vector is averaged with its neighbours once."""

from __future__ import annotations

import faiss
import numpy as np
from whatsit_client.errors import InvalidInput

from whatsit.index.shard import Floats


def average_database(vectors: Floats, neighbours: int = 3, alpha: float = 10.0) -> Floats:
    """Average each vector with its neighbours (Arandjelovic and Zisserman 2012).

    It is what `query_expansion` does to a query, with the same weights max(x . y, 0)^alpha; it costs nothing at a call.

    Args:
        vectors: f32 [N,D], unit length.
        neighbours: besides the vector itself, 1 or more; fewer where the catalogue is smaller.
        alpha: 0 or more; 0 is the plain mean.

    Returns:
        f32 [N,D], unit length.

    Raises:
        InvalidInput: a setting is out of its range.
    """
    if neighbours < 1 or not alpha >= 0.0:
        raise InvalidInput(f"Averaging takes neighbours from 1 and alpha from 0, not {neighbours} and {alpha}.")
    if not len(vectors):
        return vectors
    values = np.ascontiguousarray(vectors, dtype=np.float32)
    likeness, found = faiss.knn(values, values, min(neighbours + 1, len(values)), metric=faiss.METRIC_INNER_PRODUCT)
    weights = np.maximum(likeness, 0.0) ** alpha
    means = (weights[:, :, None] * values[found]).sum(axis=1)
    return np.asarray(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12), dtype=np.float32)
