"""`rank`: 2 - distance, thresholded and ordered."""

from __future__ import annotations

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.ranking.matches import Matches
from whatsit.ranking.score import MIN_RANK, Rank, match


def test_rank_is_two_minus_the_distance_of_unit_vectors() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(6, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    distances = np.linalg.norm(vectors[1:] - vectors[0], axis=1).astype(np.float32)
    found = match(distances, np.arange(5), [""] * 5, min_rank=0.0)
    # The same from cosines: |a - b|^2 = 2 - 2 cos.
    expected = 2.0 - np.sqrt(2.0 - 2.0 * vectors[1:] @ vectors[0])
    np.testing.assert_allclose(found.ranks, np.sort(expected)[::-1], atol=1e-5)
    assert found.numbers.tolist() == np.argsort(-expected).tolist()


def test_what_is_below_the_default_of_1_08_is_dropped_and_1_08_itself_stays() -> None:
    assert MIN_RANK == 1.08
    ranks = np.array([1.5, 1.08, 1.07], dtype=np.float32)
    kept = Rank()(Matches(np.arange(3), ranks, ("a", "b", "c")))
    assert kept.numbers.tolist() == [0, 1]


def test_padding_of_a_search_row_is_no_match() -> None:
    found = match(np.array([0.2, np.inf], dtype=np.float32), np.array([7, -1]), ["drinks", ""])
    assert found.numbers.tolist() == [7]
    assert found.categories == ("drinks",)


def test_a_distance_of_rounding_below_zero_or_above_two_stays_a_rank() -> None:
    found = match(np.array([-1e-4, 2.0001], dtype=np.float32), np.array([1, 2]), ["", ""], min_rank=0.0)
    assert found.ranks.tolist() == [2.0, 0.0]


def test_no_matches_stay_no_matches() -> None:
    assert len(match(np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int64), [])) == 0


@pytest.mark.parametrize("min_rank", [-0.1, 2.1, float("nan")])
def test_min_rank_outside_0_to_2_is_refused(min_rank: float) -> None:
    with pytest.raises(InvalidInput, match=r"min_rank lies within 0\.\.2"):
        Rank(min_rank)


def test_matches_of_uneven_lengths_are_refused() -> None:
    with pytest.raises(InvalidInput, match="as many numbers"):
        Matches(np.arange(2), np.zeros(2, dtype=np.float32), ("a",))
