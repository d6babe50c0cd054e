"""`answer`: an item, the closest ones, or an honest no, with the probability and the reason of each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from whatsit_client.types import REASONS, STATES, Answer

from whatsit.ranking import Matches, answer
from whatsit.ranking.answer import CODE_PROBABILITY, AnswerRule, not_searched
from whatsit.ranking.answer_features import ANSWER_FEATURES
from whatsit.ranking.answer_model import AnswerModel, logit

SCORE, ONE = ANSWER_FEATURES.index("score"), len(ANSWER_FEATURES)
RECORDS = {i: {"id": f"i{i}", "title": f"Title {i}", "brand": "Arla" if i == 1 else "Valio"} for i in range(5)}


def by_score(shown: float = 1.0) -> AnswerModel:
    """Return a model by the score alone: probability 0.5 at 1.3, and `shown` logits more for the first three."""
    weights = np.zeros((ONE, 2))
    weights[SCORE] = 10.0
    mean = np.zeros(ONE)
    mean[SCORE] = 1.3
    bias = np.array([0.0, shown])
    return AnswerModel(mean, np.ones(ONE), weights, bias, weights, bias)


RULE = AnswerRule(by_score())


def matches_of(numbers: list[int], scores: list[float], categories: list[str] | None = None) -> Matches:
    names = tuple(categories or ["milk"] * len(numbers))
    return Matches(np.array(numbers, dtype=np.int64), np.array(scores, dtype=np.float32), names)


EMPTY = matches_of([], [])


def said(*regions: Matches, rule: AnswerRule = RULE) -> Answer:
    return answer(regions, RECORDS, rule)


@pytest.mark.parametrize("regions", [(EMPTY,), (EMPTY, EMPTY)])
def test_without_a_match_the_thing_is_not_in_the_catalogue(regions: tuple[Matches, ...]) -> None:
    found = said(*regions)
    assert (found.found, found.state, found.reason, found.region) == (False, "not_found", "nothing_near", None)
    assert (found.title, found.category, found.confidence, found.ids, found.closest) == ("", "", 0.0, (), ())
    assert [one.state for one in found.regions] == ["not_found"] * len(regions)


def test_a_probable_first_match_is_the_answer_with_its_fields() -> None:
    found = said(matches_of([1, 2], [1.5, 1.2]))
    assert (found.found, found.state, found.reason) == (True, "found", "look")
    assert (found.title, found.brand, found.category, found.ids) == ("Title 1", "Arla", "milk", ("i1",))
    assert found.probability == found.confidence == pytest.approx(1 / (1 + np.exp(-2.0)), abs=1e-3)
    assert found.closest == ("i1", "i2")


def test_three_neighbours_do_not_outvote_a_better_first() -> None:
    found = said(matches_of([1, 2, 3, 4], [1.52, 1.5, 1.49, 1.48], ["milk", "juice", "juice", "juice"]))
    assert (found.title, found.category) == ("Title 1", "milk")


def test_the_same_brand_and_category_agree_with_the_answer() -> None:
    assert said(matches_of([2, 1, 3, 4], [1.5, 1.4, 1.3, 1.2], ["milk", "milk", "milk", "tea"])).ids == ("i2", "i3")


def test_an_improbable_first_match_among_probable_three_is_unsure() -> None:
    found = said(matches_of([1, 2, 3, 4], [1.25, 1.1, 1.0, 1.0]), rule=replace(RULE, unsure=0.5))
    assert (found.found, found.state, found.region, found.confidence) == (False, "unsure", 0, 0.0)
    assert found.closest == ("i1", "i2", "i3")
    assert found.probability == pytest.approx(1 / (1 + np.exp(0.5)), abs=1e-3)
    assert (found.title, found.ids) == ("", ())


def test_nothing_probable_is_not_found_and_still_says_what_came_nearest() -> None:
    found = said(matches_of([1], [1.0]))
    assert (found.state, found.reason, found.closest, found.region) == ("not_found", "nothing_near", ("i1",), 0)


@pytest.mark.parametrize(
    ("matches", "reason"),
    [
        (matches_of([1, 2], [1.25, 1.24]), "equally_likely"),
        (matches_of([1, 2], [1.25, 1.0]), "not_sure"),
        (matches_of([1, 2], [1.5, 1.0]).with_inliers(np.array([30, 0]), np.array([0.5, 0], np.float32)), "print"),
        (replace(matches_of([1, 2], [1.0, 0.95]), codes=("4006381333931", "")), "code"),
        (
            replace(matches_of([1, 2], [1.5, 1.0]), words=np.array([0.9, 0.0], np.float32), matched_words=(("a",), ())),
            "words",
        ),
    ],
)
def test_the_evidence_that_decided_is_the_reason(matches: Matches, reason: str) -> None:
    assert said(matches).reason == reason
    assert reason in REASONS


def test_a_code_that_is_the_items_decides_whatever_it_looks_like() -> None:
    found = said(replace(matches_of([1, 2], [0.95, 0.94]), codes=("4006381333931", "")))
    assert (found.state, found.title, found.probability) == ("found", "Title 1", CODE_PROBABILITY)


def test_words_that_only_the_first_match_explains_make_it_probable() -> None:
    plain = matches_of([1, 2], [1.2, 1.19])
    read = replace(plain, words=np.array([1.0, 0.2], np.float32), matched_words=(("oat",), ("o",)))
    assert said(plain).state == "unsure"
    assert said(read).state == "found"


def test_where_learned_ran_its_probability_is_the_answers() -> None:
    learned = replace(matches_of([1, 2], [1.0, 0.95]), confidences=np.array([0.9, 0.2], np.float32))
    assert (said(learned).state, said(learned).probability) == ("found", pytest.approx(0.9))
    assert said(learned, rule=replace(RULE, found_by_ranker=0.95)).state == "unsure"


def test_the_region_with_the_most_probable_first_match_is_answered_and_each_has_its_own_state() -> None:
    found = said(EMPTY, matches_of([1], [1.2]), matches_of([2], [1.7], ["juice"]))
    assert (found.region, found.title) == (2, "Title 2")
    assert [one.state for one in found.regions] == ["not_found", "unsure", "found"]
    assert [found.names(index) for index in range(3)] == [False, True, True]


def test_a_picture_that_the_gate_closed_out_was_not_searched() -> None:
    found = not_searched(2)
    assert (found.state, found.reason, found.why) == ("not_searched", "gate", REASONS["gate"])
    assert [one.state for one in found.regions] == ["not_searched"] * 2


def test_an_answer_survives_its_json() -> None:
    found = said(EMPTY, matches_of([1, 2], [1.5, 1.2]), rule=replace(RULE, calibrated=True))
    assert Answer.from_record(found.to_record()) == found
    assert {one.state for one in found.regions} <= set(STATES)


def test_calibration_scales_the_probability() -> None:
    model = replace(by_score(), slope=2.0, offset=-1.0)
    plain, scaled = said(matches_of([1], [1.4])), said(matches_of([1], [1.4]), rule=replace(RULE, model=model))
    assert logit(np.array([scaled.probability]))[0] == pytest.approx(
        2 * logit(np.array([plain.probability]))[0] - 1, abs=0.01
    )
