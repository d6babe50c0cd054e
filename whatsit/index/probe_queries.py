"""Queries whose nearest items are known, to measure an index by."""

from __future__ import annotations

from dataclasses import dataclass

import faiss
import numpy as np

from whatsit.index.index_kind import Floats, Numbers
from whatsit.index.shard_search import first_of_each

K = 10
"""Recall is measured among so many items."""

QUERIES = 300
_PIECE = 100_000


@dataclass(frozen=True)
class Probes:
    """Queries and what an exact search finds for them.

    Args:
        queries: f32 [Q,D], unit length.
        nearest: int64 [Q,10], item numbers.
    """

    queries: Floats
    nearest: Numbers

    @classmethod
    def of(cls, vectors: Floats, items: Numbers, count: int = QUERIES, seed: int = 0) -> Probes:
        """Make queries near catalogue vectors, between them and their neighbours.

        Args:
            vectors: f32 [N,D], N at least 1.
            items: int64 [N], ascending.
            count: queries.
            seed: of the random choice.
        """
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.choice(len(vectors), min(count, len(vectors)), replace=False))
        chosen = np.array(vectors[rows], dtype=np.float32)
        width = K * -(-len(vectors) // max(len(np.unique(items)), 1)) + 1
        near, _ = _exact(vectors, chosen, min(width, len(vectors)))
        mates = near[np.arange(len(rows)), rng.integers(0, near.shape[1], len(rows))]
        noise = rng.normal(size=chosen.shape) * 0.2 / np.sqrt(chosen.shape[1])
        queries = 0.7 * chosen + 0.3 * np.array(vectors[mates], dtype=np.float32) + noise.astype(np.float32)
        queries /= np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), 1e-12)
        found, distances = _exact(vectors, queries, min(4 * width, len(vectors)))
        return cls(queries, first_of_each(distances, np.asarray(items)[found], K)[1])


def recall(found: Numbers, nearest: Numbers) -> float:
    """Return the share of the nearest items [Q,k], padded with -1, among those found."""
    hits = [np.isin(right[right >= 0], row) for row, right in zip(found, nearest, strict=True)]
    return float(np.concatenate(hits).mean())


def _exact(vectors: Floats, queries: Floats, k: int) -> tuple[Numbers, Floats]:
    """Return the nearest rows int64 [Q,k] and squared distances by brute force."""
    best = np.full((len(queries), 0), np.inf, dtype=np.float32)
    rows = np.full((len(queries), 0), -1, dtype=np.int64)
    for start in range(0, len(vectors), _PIECE):
        piece = np.ascontiguousarray(vectors[start : start + _PIECE], dtype=np.float32)
        distances, found = faiss.knn(queries, piece, min(k, len(piece)))
        best, rows = np.concatenate([best, distances], axis=1), np.concatenate([rows, found + start], axis=1)
        order = np.argsort(best, axis=1, kind="stable")[:, :k]
        best, rows = np.take_along_axis(best, order, axis=1), np.take_along_axis(rows, order, axis=1)
    return rows, best
