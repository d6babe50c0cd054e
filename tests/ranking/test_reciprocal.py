"""`reciprocal`: k-reciprocal encoding, derived again with sets and loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.ranking import Matches
from whatsit.ranking.reciprocal import Reciprocal


def by_hand(query: Any, rows: Any, k1: int, k2: int, weight: float) -> list[float]:
    """The paper's formulas, one at a time."""
    points = [[float(v) for v in vector] for vector in [query, *rows]]
    count = len(points)
    raw = [[sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) for q in points] for p in points]
    d = [[value / max(line) for value in line] for line in raw]
    order = [[p, *sorted((q for q in range(count) if q != p), key=lambda q, p=p: d[p][q])] for p in range(count)]

    def mutual(p: int, k: int) -> set[int]:
        return {q for q in order[p][: k + 1] if p in order[q][: k + 1]}

    codes = []
    for p in range(count):
        expanded = set(mutual(p, k1))
        for q in mutual(p, k1):
            candidate = mutual(q, max(1, round(k1 / 2)))
            if len(candidate & mutual(p, k1)) >= 2 / 3 * len(candidate) - 1e-9:
                expanded |= candidate
        code = [math.exp(-d[p][q]) if q in expanded else 0.0 for q in range(count)]
        codes.append([value / sum(code) for value in code])
    smooth = [
        [sum(codes[q][g] for q in order[p][:k2]) / len(order[p][:k2]) for g in range(count)] for p in range(count)
    ]
    scores = []
    for p in range(1, count):
        low = sum(min(a, b) for a, b in zip(smooth[0], smooth[p], strict=True))
        high = sum(max(a, b) for a, b in zip(smooth[0], smooth[p], strict=True))
        scores.append(2 - 2 * ((1 - weight) * (1 - low / high) + weight * d[0][p]))
    return scores


@pytest.mark.parametrize("k1", [1, 3, 5, 20])
@pytest.mark.parametrize("k2", [1, 3])
@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_paper_derived_with_sets_and_loops(gallery: Any, k1: int, k2: int, weight: float) -> None:
    expected = by_hand(gallery.query, gallery.rows, k1, k2, weight)
    found = Reciprocal(k1, k2, weight)(gallery.matches())
    np.testing.assert_allclose(found.rerank_scores, [expected[i] for i in found.numbers], atol=1e-5)
    assert (np.diff(found.rerank_scores) <= 0).all()
    assert sorted(found.numbers.tolist()) == list(range(12))


def test_with_the_plain_distance_alone_the_order_is_that_of_rank(gallery: Any) -> None:
    matches = gallery.matches()
    found = Reciprocal(weight=1.0)(matches)
    assert found.numbers.tolist() == np.argsort(-matches.scores).tolist()
    np.testing.assert_array_equal(found.scores, matches.scores[found.numbers])


def test_a_neighbour_of_a_crowd_elsewhere_falls_behind_one_whose_neighbour_the_query_is(make_gallery: Any) -> None:
    def at(degrees: float) -> list[float]:
        return [math.cos(math.radians(degrees)), math.sin(math.radians(degrees))]

    # Item 0 is nearer to the query, but has its own crowd (3..7) closer; items 1 and 2 have the query and each other.
    degrees = [20, -22, -24, 21, 22, 23, 24, 25]
    gallery = make_gallery(np.array(at(0), dtype=np.float32), np.array([at(d) for d in degrees], dtype=np.float32))
    assert int(gallery.matches().scores.argmax()) == 0
    assert Reciprocal(k1=3, k2=1, weight=0.3)(gallery.matches()).numbers.tolist()[:2] == [1, 2]


def test_equal_vectors_are_no_division_by_zero(make_gallery: Any) -> None:
    same = np.array([1.0, 0.0], dtype=np.float32)
    found = Reciprocal()(make_gallery(same, np.stack([same, same, same])).matches())
    assert np.isfinite(found.rerank_scores).all()
    assert found.numbers.tolist() == [0, 1, 2]


@pytest.mark.parametrize("count", [0, 1])
def test_what_has_no_neighbours_stays_as_it_is(gallery: Any, count: int) -> None:
    assert len(Reciprocal()(gallery.matches().first(count))) == count
    assert gallery.asked == []


def test_matches_without_vectors_are_refused() -> None:
    with pytest.raises(InvalidInput, match="needs the vectors"):
        Reciprocal()(Matches(np.arange(2), np.ones(2, dtype=np.float32), ("", "")))


@pytest.mark.parametrize("wrong", [(0, 6, 0.3), (20, 0, 0.3), (20, 6, 1.1), (20, 6, float("nan"))])
def test_values_out_of_range_are_refused(wrong: tuple[int, int, float]) -> None:
    with pytest.raises(InvalidInput, match="reciprocal"):
        Reciprocal(*wrong)
