from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whatsit_client.errors import InvalidInput

from whatsit.evaluation.metrics.recall import nearest, recall_at_k


def _plain_recall(queries: np.ndarray, gallery: np.ndarray, labels: list[int], known: list[int], k: int) -> float:
    """Recall@k written out: one query, one gallery row at a time."""
    hits = 0
    for query, label in zip(queries, labels, strict=True):
        scored = []
        for place, row in enumerate(gallery):
            cosine = float(query @ row) / (float(np.sqrt(query @ query)) * float(np.sqrt(row @ row)))
            scored.append((-round(cosine, 6), place))
        hits += any(known[place] == label for _, place in sorted(scored)[:k])
    return hits / len(queries)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 15), st.integers(1, 20))
def test_recall_equals_a_plain_recount(seed: int, queries: int, gallery: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    q, g = (rng.normal(size=(n, 6)).astype(np.float32) for n in (queries, gallery))
    labels, known = (rng.integers(0, 4, n).tolist() for n in (queries, gallery))
    assert recall_at_k(q, g, labels, known, ks=(k,))[k] == pytest.approx(_plain_recall(q, g, labels, known, k))


def test_recall_grows_with_k_and_is_sure_at_the_whole_gallery() -> None:
    rng = np.random.default_rng(3)
    q, g = rng.normal(size=(40, 8)).astype(np.float32), rng.normal(size=(30, 8)).astype(np.float32)
    recall = recall_at_k(q, g, np.arange(40) % 10, np.arange(30) % 10, ks=(1, 5, 30))
    assert recall[1] <= recall[5] <= recall[30] == 1.0


def test_a_label_that_the_gallery_lacks_is_a_miss() -> None:
    point = np.ones((1, 3), np.float32)
    assert recall_at_k(point, point, [7], [8]) == {1: 0.0, 5: 0.0}


def test_length_of_vectors_does_not_matter_and_ties_keep_order() -> None:
    gallery = np.array([[0, 2], [5, 0], [1, 0]], np.float32)
    assert nearest(np.array([[0.1, 0]], np.float32), gallery, 3).tolist() == [[1, 2, 0]]


def test_unusable_measurements_are_refused() -> None:
    point = np.ones((1, 3), np.float32)
    with pytest.raises(InvalidInput, match="no query"):
        recall_at_k(point[:0], point, [], [1])
    with pytest.raises(InvalidInput, match="differ in number"):
        recall_at_k(point, point, [1, 2], [1])
