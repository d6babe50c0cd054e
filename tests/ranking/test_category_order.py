"""`category_order`: categories by the positions that their items hold."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from whatsit.ranking.category_order import category_order
from whatsit.ranking.matches import Matches


def matches_of(categories: list[str]) -> Matches:
    count = len(categories)
    return Matches(np.arange(count), np.linspace(1.9, 1.1, count, dtype=np.float32), tuple(categories))


def test_a_category_with_many_good_positions_passes_one_with_the_best() -> None:
    # cups: 1/1 = 1; drinks: 1/2 + 1/3 + 1/4 = 1.083; toys: 1/5
    ordered = category_order(matches_of(["cups", "drinks", "drinks", "drinks", "toys"]))
    assert ordered.categories == ("drinks", "drinks", "drinks", "cups", "toys")
    assert ordered.numbers.tolist() == [1, 2, 3, 0, 4]


def test_positions_come_from_the_ranks_not_from_the_order_given() -> None:
    shuffled = matches_of(["cups", "drinks", "drinks", "drinks", "toys"]).take([4, 2, 0, 3, 1])
    assert category_order(shuffled).numbers.tolist() == [1, 2, 3, 0, 4]


def test_without_categories_the_order_is_that_of_rank() -> None:
    assert category_order(matches_of([""] * 5)).numbers.tolist() == [0, 1, 2, 3, 4]


@given(st.lists(st.sampled_from("abcd"), max_size=40))
def test_the_rule_derived_again(categories: list[str]) -> None:
    ordered = category_order(matches_of(categories))
    assert sorted(ordered.numbers) == list(range(len(categories)))
    names = np.array(categories)
    weights = 1.0 / np.arange(1, len(names) + 1)
    sums = [weights[names == name].sum() for name in dict.fromkeys(ordered.categories)]
    assert all(a >= b - 1e-12 for a, b in itertools.pairwise(sums))
    for name in set(categories):
        inside = ordered.scores[[c == name for c in ordered.categories]]
        assert (np.diff(inside) <= 0).all()
        # Each category stands in one piece.
        places = [i for i, c in enumerate(ordered.categories) if c == name]
        assert places == list(range(places[0], places[0] + len(places)))
