"""Recall on retrieval domains with vectors whose order is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from whatsit.evaluation.datasets.retrieval_domains import RetrievalDomain
from whatsit.evaluation.reports.domain_report import MeasuredEmbedder, measure_domain


def _pictures(values: list[int]) -> Any:
    def yielded(size: int) -> Iterator[Any]:
        return (np.full((3, size, size), value, np.uint8) for value in values)

    return yielded


def _angle(images: Any) -> Any:
    turn = images[:, 0, 0, 0].astype(np.float32) / 255 * np.pi / 2
    return np.stack([np.cos(turn), np.sin(turn)], 1)


EMBEDDER = MeasuredEmbedder("angle", 4, _angle)


def test_a_query_is_not_found_as_itself_and_single_pictures_are_not_counted() -> None:
    """Of five pictures two pairs are asked for; one pair has a stranger between."""
    domain = RetrievalDomain("views", _pictures([0, 10, 100, 130, 115]), None, [[0, 1], [0, 1], [2, 3], [2, 3], [4]])
    row = measure_domain(domain, EMBEDDER)
    assert (row.queries, row.gallery) == (4, 5)
    assert row.recall_at_1 == 0.5
    assert row.recall_at_5 == 1.0


def test_any_of_several_right_pictures_counts() -> None:
    """A query with two rooms is found by either; one without any is left out."""
    domain = RetrievalDomain("rooms", _pictures([0, 200, 90]), _pictures([210, 240, 5]), [[2], [0, 1], []])
    row = measure_domain(domain, EMBEDDER)
    assert (row.queries, row.recall_at_1, row.recall_at_20) == (2, 1.0, 1.0)


def test_the_gallery_may_be_embedded_in_another_way() -> None:
    """The second picture of each pair is seen as it is, its place in the gallery shifted: the wrong one is nearest."""
    shifted = replace(EMBEDDER, embed_gallery=lambda images: _angle((images.astype(np.int16) + 100).clip(0, 255)))
    rooms = RetrievalDomain("rooms", _pictures([0, 150]), _pictures([0, 150]), [[0], [1]])
    assert measure_domain(rooms, EMBEDDER).recall_at_1 == 1.0
    assert measure_domain(rooms, shifted).recall_at_1 == 0.5
    views = RetrievalDomain("views", _pictures([0, 100, 150, 250]), None, [[0, 1], [0, 1], [2, 3], [2, 3]])
    assert measure_domain(views, shifted).queries == 4
