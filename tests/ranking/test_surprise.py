"""`surprise`: what is too rare among the matches goes, what may be right stays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from whatsit_client.errors import InvalidInput

from whatsit.ranking.matches import Matches
from whatsit.ranking.surprise import THRESHOLD, Surprise


def matches_of(categories: list[str]) -> Matches:
    count = len(categories)
    return Matches(np.arange(count), np.linspace(1.9, 1.1, count, dtype=np.float32), tuple(categories))


def test_of_20_drinks_8_cups_and_2_toys_the_toys_go() -> None:
    categories = ["drinks"] * 20 + ["cups"] * 8 + ["toys"] * 2
    np.random.default_rng(3).shuffle(categories[1:])
    kept = Surprise()(matches_of(["drinks", *categories[1:]]))
    assert sorted(kept.categories) == ["cups"] * 8 + ["drinks"] * 20


@pytest.mark.parametrize("others", [["a"] * 9, ["a"] * 4 + ["b"] * 5, list("aabbccddd")])
def test_the_single_right_match_of_ten_stays_wherever_it_stands(others: list[str]) -> None:
    for place in range(10):
        categories = [*others[:place], "right", *others[place:]]
        assert "right" in Surprise()(matches_of(categories)).categories


def test_a_list_without_a_majority_stays_whole() -> None:
    categories = [f"category {i}" for i in range(30)]
    assert Surprise()(matches_of(categories)).categories == tuple(categories)


def test_the_category_of_the_best_match_stays() -> None:
    assert Surprise()(matches_of(["toys"] + ["drinks"] * 29)).categories[0] == "toys"
    assert "toys" not in Surprise()(matches_of(["drinks"] * 29 + ["toys"])).categories


def test_items_without_a_category_stay_and_do_not_count() -> None:
    kept = Surprise()(matches_of(["drinks"] * 20 + ["cups"] * 8 + ["toys"] * 2 + [""] * 30))
    assert kept.categories.count("") == 30
    assert "toys" not in kept.categories


@given(st.lists(st.sampled_from(["", "a", "b", "c", "d", "e"]), max_size=60), st.floats(0.1, 5.0))
def test_the_rule_derived_again(categories: list[str], threshold: float) -> None:
    kept = Surprise(threshold)(matches_of(categories)).categories
    known = np.array([c for c in categories if c])
    names, counts = np.unique(known, return_counts=True)
    surprise = -np.log(counts / max(counts.sum(), 1))
    limit = max(threshold, np.log(max(len(names), 1)))
    expected = {str(n) for n, s in zip(names, surprise, strict=True) if s <= limit + 1e-9} | {""}
    expected |= set(categories[:1])
    assert kept == tuple(c for c in categories if c in expected)


def test_the_threshold_is_between_the_two_examples_that_set_it() -> None:
    assert -np.log(1 / 10) < THRESHOLD < -np.log(2 / 30)
    with pytest.raises(InvalidInput, match="above 0"):
        Surprise(0.0)
