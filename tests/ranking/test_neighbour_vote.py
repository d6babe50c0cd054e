"""`neighbour_vote`: the categories of the best matches are a prior on every match."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from whatsit_client.errors import InvalidInput

from whatsit.ranking import Matches
from whatsit.ranking.neighbour_vote import NeighbourVote


def matches_of(scores: list[float], categories: list[str]) -> Matches:
    return Matches(np.arange(len(scores)), np.array(scores, dtype=np.float32), tuple(categories))


def by_hand(scores: list[float], categories: list[str], neighbours: int, scale: float) -> list[float]:
    voters = sorted(range(len(scores)), key=lambda i: -scores[i])[:neighbours]
    total, votes = 0.0, {}
    for i in voters:
        vote = math.exp((scores[i] - max(scores)) / scale)
        name = categories[i] or f"item {i}"
        votes[name] = votes.get(name, 0.0) + vote
        total += vote
    return [
        score + scale * votes.get(category or f"item {i}", 0.0) / total
        for i, (score, category) in enumerate(zip(scores, categories, strict=True))
    ]


# Ranks on a grid that float32 holds exactly, so that both sides break ties alike.
GRID = st.integers(0, 256).map(lambda step: step / 128)


@given(
    st.lists(st.tuples(GRID, st.sampled_from(["", "a", "b", "c"])), min_size=1, max_size=40),
    st.integers(1, 25),
    st.sampled_from([0.05, 0.1, 0.5]),
)
def test_the_rule_derived_again(rows: list[tuple[float, str]], neighbours: int, scale: float) -> None:
    scores, categories = [score for score, _ in rows], [category for _, category in rows]
    voted = NeighbourVote(neighbours, scale)(matches_of(scores, categories))
    expected = by_hand(scores, categories, neighbours, scale)
    np.testing.assert_allclose(voted.rerank_scores, [expected[i] for i in voted.numbers], atol=1e-5)
    assert (np.diff(voted.rerank_scores) <= 0).all()
    assert sorted(voted.numbers.tolist()) == list(range(len(scores)))
    np.testing.assert_array_equal(voted.scores, np.array(scores, dtype=np.float32)[voted.numbers])


def test_a_category_that_fills_the_list_passes_a_lone_better_match() -> None:
    voted = NeighbourVote()(matches_of([1.52, 1.5, 1.49, 1.48], ["cups", "drinks", "drinks", "drinks"]))
    assert voted.numbers.tolist() == [1, 2, 0, 3]


def test_a_clearly_better_match_stays_first() -> None:
    voted = NeighbourVote()(matches_of([1.7, *[1.5] * 19], ["cups", *["drinks"] * 19]))
    assert voted.categories[0] == "cups"


def test_only_the_first_twenty_vote() -> None:
    scores = [1.5] * 20 + [1.49] * 40
    voted = NeighbourVote()(matches_of(scores, ["a"] * 20 + ["b"] * 40))
    np.testing.assert_allclose(voted.rerank_scores, [1.6] * 20 + [1.49] * 40, atol=1e-6)


def test_without_categories_the_order_of_rank_stays() -> None:
    assert NeighbourVote()(matches_of([1.3, 1.9, 1.6], ["", "", ""])).numbers.tolist() == [1, 2, 0]


def test_no_matches_stay_no_matches() -> None:
    assert len(NeighbourVote()(matches_of([], []))) == 0


@pytest.mark.parametrize("wrong", [(0, 0.1), (20, 0.0), (20, float("nan"))])
def test_values_out_of_range_are_refused(wrong: tuple[int, float]) -> None:
    with pytest.raises(InvalidInput, match="neighbour_vote"):
        NeighbourVote(*wrong)
