"""Recall@k: the share of queries with a match among the k nearest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

Vectors = npt.NDArray[np.float32]


def nearest(queries: Vectors, gallery: Vectors, k: int) -> npt.NDArray[np.int64]:
    """Return the k nearest gallery rows of each query by cosine, best first.

    Args:
        queries: f32 [n, d] of any length but zero.
        gallery: f32 [m, d].
        k: at most m are returned.

    Returns:
        int64 [n, min(k, m)]; equal similarities keep the gallery's order.
    """
    order: npt.NDArray[np.int64] = np.argsort(-cosine(queries, gallery), axis=1, kind="stable")[:, :k]
    return order


def recall_at_k(
    queries: Vectors,
    gallery: Vectors,
    query_labels: Sequence[int] | npt.NDArray[np.int64],
    gallery_labels: Sequence[int] | npt.NDArray[np.int64],
    ks: Sequence[int] = (1, 5),
) -> dict[int, float]:
    """Return recall@k: the share of queries with their label among the k nearest.

    A query whose label the gallery lacks counts as a miss.

    Raises:
        InvalidInput: there is no query, or labels and vectors differ in number.
    """
    if not len(queries):
        raise InvalidInput("There is no query to measure recall on: check the data folder and the split.")
    if len(queries) != len(query_labels) or len(gallery) != len(gallery_labels):
        raise InvalidInput("Vectors and labels differ in number: give one label for each vector.")
    found = np.asarray(gallery_labels)[nearest(queries, gallery, max(ks))]
    hits = found == np.asarray(query_labels)[:, None]
    return {k: float(hits[:, :k].any(axis=1).mean()) for k in ks}


def cosine(queries: Vectors, gallery: Vectors) -> Vectors:
    """Return cosine similarities f32 [n, m] of vectors of any length but zero."""
    unit = [v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12) for v in (queries, gallery)]
    similarity: Vectors = unit[0] @ unit[1].T
    return similarity
