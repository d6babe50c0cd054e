"""`query_expansion`: alpha-weighted, renormalised, searched again; scores stay the query's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.ranking import Matches
from whatsit.ranking.query_expansion import QueryExpansion


@pytest.mark.parametrize(("neighbours", "alpha"), [(1, 3.0), (5, 3.0), (5, 0.0), (40, 1.0)])
def test_the_expanded_query_derived_by_a_loop(gallery: Any, neighbours: int, alpha: float) -> None:
    query = gallery.query.astype(np.float64)
    nearest = sorted(range(12), key=lambda i: float(np.linalg.norm(gallery.rows[i] - query)))
    expanded = query.copy()
    for i in nearest[:neighbours]:
        expanded += max(float(query @ gallery.rows[i]), 0.0) ** alpha * gallery.rows[i]
    expanded /= np.linalg.norm(expanded)

    found = QueryExpansion(neighbours, alpha)(gallery.matches())
    distances = np.array([np.linalg.norm(row - expanded) for row in gallery.rows])
    assert found.numbers.tolist() == np.argsort(distances).tolist()
    np.testing.assert_allclose(found.rerank_scores, 2.0 - np.sort(distances), atol=1e-5)


def test_ranks_stay_those_of_the_query(gallery: Any) -> None:
    before = gallery.matches()
    found = QueryExpansion()(before)
    np.testing.assert_array_equal(found.scores, before.scores[found.numbers])
    assert found.rerank_scores.max() > found.scores.max()


def test_a_second_picture_of_the_same_thing_leads_to_a_third(make_gallery: Any) -> None:
    """Four views on a circle, 25 degrees apart, and a stranger on the other side, nearer to the query than the last."""

    def at(degrees: float) -> list[float]:
        return [np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]

    rows = np.array([at(25), at(50), at(75), at(-70)], dtype=np.float32)
    gallery = make_gallery(np.array(at(0), dtype=np.float32), rows)
    scores = gallery.matches().scores
    assert scores[3] > scores[2]
    found = QueryExpansion(neighbours=2)(gallery.matches())
    assert found.numbers.tolist().index(2) < found.numbers.tolist().index(3)


def test_without_a_match_nothing_is_searched(gallery: Any) -> None:
    assert len(QueryExpansion()(gallery.matches().first(0))) == 0
    assert gallery.asked == []


def test_matches_without_vectors_are_refused() -> None:
    with pytest.raises(InvalidInput, match="needs the vectors"):
        QueryExpansion()(Matches(np.arange(1), np.ones(1, dtype=np.float32), ("",)))


@pytest.mark.parametrize("wrong", [(0, 3.0), (5, -1.0), (5, float("nan"))])
def test_values_out_of_range_are_refused(wrong: tuple[int, float]) -> None:
    with pytest.raises(InvalidInput, match="query_expansion"):
        QueryExpansion(*wrong)
