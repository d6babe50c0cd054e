"""`score`: 2 - distance, thresholded and ordered."""

from __future__ import annotations

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.ranking.matches import Matches
from whatsit.ranking.score import MIN_SCORE, Score, match


def test_rank_is_two_minus_the_distance_of_unit_vectors() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(6, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    distances = np.linalg.norm(vectors[1:] - vectors[0], axis=1).astype(np.float32)
    found = match(distances, np.arange(5), [""] * 5, min_score=0.0)
    # The same from cosines: |a - b|^2 = 2 - 2 cos.
    expected = 2.0 - np.sqrt(2.0 - 2.0 * vectors[1:] @ vectors[0])
    np.testing.assert_allclose(found.scores, np.sort(expected)[::-1], atol=1e-5)
    assert found.numbers.tolist() == np.argsort(-expected).tolist()


def test_what_is_below_the_default_is_dropped_and_the_default_itself_stays() -> None:
    scores = np.array([1.5, MIN_SCORE, MIN_SCORE - 0.01], dtype=np.float32)
    kept = Score()(Matches(np.arange(3), scores, ("a", "b", "c")))
    assert kept.numbers.tolist() == [0, 1]


def test_padding_of_a_search_row_is_no_match() -> None:
    found = match(np.array([0.2, np.inf], dtype=np.float32), np.array([7, -1]), ["drinks", ""])
    assert found.numbers.tolist() == [7]
    assert found.categories == ("drinks",)


def test_a_distance_of_rounding_below_zero_or_above_two_stays_a_score() -> None:
    found = match(np.array([-1e-4, 2.0001], dtype=np.float32), np.array([1, 2]), ["", ""], min_score=0.0)
    assert found.scores.tolist() == [2.0, 0.0]


def test_no_matches_stay_no_matches() -> None:
    assert len(match(np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int64), [])) == 0


@pytest.mark.parametrize("min_score", [-0.1, 2.1, float("nan")])
def test_min_score_outside_0_to_2_is_refused(min_score: float) -> None:
    with pytest.raises(InvalidInput, match=r"min_score lies within 0\.\.2"):
        Score(min_score)


def test_matches_of_uneven_lengths_are_refused() -> None:
    with pytest.raises(InvalidInput, match="as many numbers"):
        Matches(np.arange(2), np.zeros(2, dtype=np.float32), ("a",))
