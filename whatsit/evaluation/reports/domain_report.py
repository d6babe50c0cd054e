"""Recall of embedders on retrieval domains."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whatsit.evaluation.datasets.retrieval_domains import RetrievalDomain
from whatsit.evaluation.metrics.recall import Vectors, cosine

Image = npt.NDArray[np.uint8]
BATCH = 16


@dataclass(frozen=True)
class MeasuredEmbedder:
    """An embedder to measure.

    Args:
        name: for tables.
        size: side of its input in pixels.
        embed: maps pictures uint8 [n, 3, size, size] to vectors f32 [n, d] of any length but zero.
        embed_gallery: the same for pictures that are searched; None where they are embedded as queries are.
    """

    name: str
    size: int
    embed: Callable[[Image], Vectors]
    embed_gallery: Callable[[Image], Vectors] | None = None


@dataclass(frozen=True)
class DomainRow:
    """Recall of one embedder on one domain.

    Args:
        domain: its name.
        network: the embedder's name.
        queries: how many queries have something to find.
        gallery: number of pictures searched.
        recall_at_1: share of the queries whose nearest picture is right.
        recall_at_5: share with a right one among the five nearest.
        recall_at_20: among the twenty nearest.
    """

    domain: str
    network: str
    queries: int
    gallery: int
    recall_at_1: float
    recall_at_5: float
    recall_at_20: float


def measure_domain(domain: RetrievalDomain, embedder: MeasuredEmbedder) -> DomainRow:
    """Measure recall@1, @5 and @20 of an embedder on a domain."""
    queries = _vectors(domain.queries(embedder.size), embedder.embed)
    if domain.gallery is None and embedder.embed_gallery is None:
        return score_vectors(domain, embedder.name, queries, queries)
    pictures = (domain.gallery or domain.queries)(embedder.size)
    gallery = _vectors(pictures, embedder.embed_gallery or embedder.embed)
    return score_vectors(domain, embedder.name, queries, gallery)


def score_vectors(domain: RetrievalDomain, network: str, queries: Vectors, gallery: Vectors) -> DomainRow:
    """Return the recall of vectors.

    Where the domain has no gallery, a query does not find itself.
    """
    similarity = cosine(queries, gallery)
    if domain.gallery is None:
        np.fill_diagonal(similarity, -np.inf)
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :20]
    hits = []
    for k, relevant in enumerate(domain.relevant):
        others = set(relevant) - ({k} if domain.gallery is None else set())
        if others:
            hits.append([place in others for place in order[k].tolist()])
    found = np.array(hits)
    at = [float(found[:, :n].any(axis=1).mean()) for n in (1, 5, 20)]
    return DomainRow(domain.name, network, len(found), len(gallery), *at)


def _vectors(pictures: Iterable[Image], embed: Callable[[Image], Vectors]) -> Vectors:
    parts, waiting = [], []
    for picture in pictures:
        waiting.append(picture)
        if len(waiting) == BATCH:
            parts.append(embed(np.stack(waiting)))
            waiting = []
    if waiting:
        parts.append(embed(np.stack(waiting)))
    return np.concatenate(parts)
