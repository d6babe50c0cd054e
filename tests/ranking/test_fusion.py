"""Reciprocal rank fusion, derived again by hand."""

from __future__ import annotations

import numpy as np

from whatsit.ranking.fusion import fuse
from whatsit.ranking.matches import Matches


def matches(numbers: list[int], scores: list[float]) -> Matches:
    return Matches(np.array(numbers, dtype=np.int64), np.array(scores, dtype=np.float32), ("",) * len(numbers))


def test_the_sum_of_reciprocal_positions_orders() -> None:
    visual = matches([10, 11, 12, 13], [1.5, 1.4, 1.3, 1.2])
    named = matches([12, 20], [1.3, 1.0])
    found = fuse(visual, named, np.array([12, 99, 20]))
    sums = {10: 1 / 61, 11: 1 / 62, 12: 1 / 63 + 1 / 61, 13: 1 / 64, 20: 1 / 63}
    assert found.numbers.tolist() == sorted(sums, key=lambda n: -sums[n]) == [12, 10, 11, 20, 13]
    scores = dict(zip([10, 11, 12, 13, 20], [1.5, 1.4, 1.3, 1.2, 1.0], strict=True))
    np.testing.assert_allclose(found.scores, [scores[n] for n in found.numbers.tolist()])
    np.testing.assert_allclose(found.rerank_scores, [1.5, 1.4, 1.3, 1.2, 1.0])


def test_words_that_name_nothing_change_nothing() -> None:
    visual = matches([10, 11], [1.5, 1.4])
    assert fuse(visual, matches([], []), np.array([], dtype=np.int64)).numbers.tolist() == [10, 11]
    assert len(fuse(matches([], []), matches([], []), np.array([7]))) == 0


def test_words_find_where_the_picture_found_nothing() -> None:
    assert fuse(matches([], []), matches([7], [1.0]), np.array([7])).numbers.tolist() == [7]
