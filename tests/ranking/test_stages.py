"""Stages by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.ranking import Matches, compose
from whatsit.ranking.stages import STAGES

CATEGORIES = ("cups", *["drinks"] * 21, "toys")
MATCHES = Matches(np.arange(23), np.linspace(1.9, 1.0, 23, dtype=np.float32), CATEGORIES)


def test_none_is_rank_alone() -> None:
    found = compose("none")(MATCHES)
    assert found.numbers.tolist() == [i for i in range(23) if MATCHES.scores[i] >= np.float32(1.08)]
    for name in ("score", "rank"):  # "rank" is the deprecated name
        assert compose(name)(MATCHES).numbers.tolist() == found.numbers.tolist()


def test_stages_run_in_the_order_given_after_the_threshold() -> None:
    found = compose("surprise,category_order", min_score=0.0)(MATCHES)
    assert found.categories == (*["drinks"] * 21, "cups")


def test_the_default_is_rank_alone() -> None:
    assert compose()(MATCHES).numbers.tolist() == compose("none")(MATCHES).numbers.tolist()


def test_surprise_drops_chance_categories_and_keeps_the_order() -> None:
    assert compose("surprise", min_score=0.0)(MATCHES).categories == ("cups", *["drinks"] * 21)


def test_min_rank_is_handed_on() -> None:
    assert len(compose("none", min_score=1.9)(MATCHES)) == 1


def test_spaces_are_allowed() -> None:
    spaced, tight = compose(" surprise , category_order "), compose("surprise,category_order")
    assert spaced(MATCHES).numbers.tolist() == tight(MATCHES).numbers.tolist()


@pytest.mark.parametrize("rerank", ["geometri", "surprise,", "", "none,surprise", "answer"])
def test_an_unknown_name_is_refused_with_the_known_ones(rerank: str) -> None:
    with pytest.raises(InvalidInput, match="score, surprise, category_order"):
        compose(rerank)


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'surprise' twice"):
        compose("surprise,surprise")


@pytest.mark.parametrize("rerank", ["none", "score", "neighbour_vote"])
def test_stages_that_need_no_vectors_read_none(gallery: Any, rerank: str) -> None:
    compose(rerank, min_score=0.0)(gallery.matches())
    assert gallery.asked == []


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_runs_by_its_name_and_changes_no_rank(gallery: Any, stage: str) -> None:
    before = gallery.matches()
    found = compose(stage, min_score=0.0, learned=lambda known: known[:, 0] / 2)(before)
    assert len(found) == 12
    np.testing.assert_array_equal(found.scores, before.scores[found.numbers])
    assert found.context is gallery


def test_a_stage_works_on_the_scores_that_the_one_before_left(gallery: Any) -> None:
    found = compose("reciprocal,category_order", min_score=0.0)(gallery.matches())
    assert found.numbers.tolist() == compose("reciprocal", min_score=0.0)(gallery.matches()).numbers.tolist()
    assert (np.diff(found.rerank_scores) <= 0).all()
