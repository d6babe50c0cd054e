"""`answer`: voted fields, a derived confidence, or an honest no."""

from __future__ import annotations

import numpy as np
import pytest

from whatsit.ranking import Matches, answer


def record(id: str, brand: str = "") -> dict[str, object]:
    return {"id": id, "title": f"Title {id}", "brand": brand, "image": f"{id}.jpg"}


RECORDS = {1: record("one", "Arla"), 2: record("two", "Valio"), 3: record("three", "Valio"), 4: record("four")}


def matches_of(numbers: list[int], scores: list[float], categories: list[str]) -> Matches:
    return Matches(np.array(numbers, dtype=np.int64), np.array(scores, dtype=np.float32), tuple(categories))


EMPTY = matches_of([], [], [])


@pytest.mark.parametrize("regions", [[], [EMPTY], [EMPTY, EMPTY]])
def test_without_a_match_the_thing_is_not_in_the_catalogue(regions: list[Matches]) -> None:
    said = answer(regions, RECORDS)
    assert not said.found
    assert (said.title, said.category, said.confidence, said.ids, said.region) == ("", "", 0.0, (), None)


def test_one_match_answers_for_itself_with_its_strength() -> None:
    said = answer([matches_of([1], [1.54], ["milk"])], RECORDS, min_score=1.08)
    assert (said.title, said.brand, said.category, said.image) == ("Title one", "Arla", "milk", "one.jpg")
    assert said.confidence == pytest.approx((1.54 - 1.08) / 0.92, abs=1e-4)


def test_confidence_is_strength_times_agreement_derived_by_hand() -> None:
    scores = [1.6, 1.5, 1.4]
    said = answer([matches_of([1, 2, 3], scores, ["milk", "juice", "juice"])], RECORDS, min_score=1.0)
    votes = np.exp((np.array(scores) - 1.6) / 0.1)
    assert said.category == "milk"
    assert said.ids == ("one",)
    assert said.confidence == pytest.approx(0.6 * votes[0] / votes.sum(), abs=1e-3)


def test_neighbours_of_nearly_the_same_rank_outvote_a_single_best_one() -> None:
    said = answer([matches_of([1, 2, 3], [1.50, 1.49, 1.48], ["milk", "juice", "juice"])], RECORDS)
    assert (said.category, said.brand, said.title, said.ids) == ("juice", "Valio", "Title two", ("two", "three"))


def test_title_brand_and_category_never_contradict_each_other() -> None:
    said = answer([matches_of([1, 2, 3], [1.50, 1.49, 1.48], ["milk"] * 3)], RECORDS)
    assert (said.brand, said.title, said.ids) == ("Valio", "Title two", ("two", "three"))


def test_the_order_of_the_stages_decides_which_item_is_first() -> None:
    said = answer([matches_of([3, 2], [1.50, 1.55], ["juice", "juice"])], RECORDS)
    assert said.ids == ("three", "two")


def test_rescored_matches_vote_with_their_scores_and_keep_their_strength() -> None:
    matches = matches_of([1, 2], [1.54, 1.5], ["milk", "juice"]).rescore(np.array([0.5, 1.5]))
    said = answer([matches], RECORDS, min_score=1.08)
    assert (said.category, said.ids) == ("juice", ("two",))
    assert said.confidence == pytest.approx((1.54 - 1.08) / 0.92, abs=1e-3)


def test_the_region_with_the_best_match_is_answered_for() -> None:
    regions = [EMPTY, matches_of([1], [1.2], ["milk"]), matches_of([2], [1.7], ["juice"])]
    assert answer(regions, RECORDS).region == 2


def test_a_catalogue_without_brands_and_categories_has_answers_too() -> None:
    said = answer([matches_of([4], [2.0], [""])], RECORDS, min_score=2.0)
    assert said.found
    assert (said.brand, said.category, said.confidence) == ("", "", 1.0)
