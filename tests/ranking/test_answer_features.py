"""`answer_features`: evidence derived by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from whatsit.ranking import Matches
from whatsit.ranking.answer_features import ANSWER_FEATURES, answer_features
from whatsit.ranking.main_region import main_region_score


@dataclass(frozen=True)
class Place:
    area: float
    score: float = 1.0


def matches_of(numbers: list[int], scores: list[float], area: float = 1.0, category: str = "milk") -> Matches:
    ranked = np.array(scores, dtype=np.float32)
    return Matches(np.array(numbers), ranked, (category,) * len(numbers), context=Place(area))  # type: ignore[arg-type]


def named(regions: list[Matches], row: int) -> dict[str, float]:
    return dict(zip(ANSWER_FEATURES, answer_features(regions)[row].tolist(), strict=True))


def test_the_margin_is_to_the_best_other_item_or_to_the_floor() -> None:
    two = named([matches_of([7, 8], [1.5, 1.2])], 0)
    assert two["margin"] == pytest.approx(0.3)
    assert two["above_mean"] == pytest.approx(1.5 - (1.2 + 8 * 0.9) / 9)
    alone = named([matches_of([7], [1.5])], 0)
    assert (alone["margin"], alone["above_mean"]) == (pytest.approx(0.6), pytest.approx(0.6))


def test_a_reranked_first_may_have_a_lower_score_than_others() -> None:
    assert named([matches_of([7, 8], [1.2, 1.5])], 0)["margin"] == pytest.approx(-0.3)


def test_inliers_count_by_their_logarithm_and_only_where_geometry_ran() -> None:
    plain = matches_of([7, 8], [1.5, 1.4])
    checked = plain.with_inliers(np.array([20, 6]), np.array([0.4, 0.1], np.float32))
    assert named([plain], 0)["log_inliers"] == 0.0
    found = named([checked], 0)
    assert found["log_inliers"] == pytest.approx(np.log(21))
    assert found["log_inliers_margin"] == pytest.approx(np.log(21) - np.log(7))
    assert found["spread"] == pytest.approx(0.4)


def test_other_regions_support_or_rival_a_region() -> None:
    regions = [matches_of([7, 8], [1.4, 1.3]), matches_of([7], [1.2], 0.25), matches_of([9], [1.6], 0.04)]
    whole = named(regions, 0)
    assert whole["support"] == pytest.approx(0.5 / (0.5 + 0.2))
    assert whole["rival"] == pytest.approx(float(main_region_score(1.6, 0.04)) - 1.4)
    part = named(regions, 2)
    assert (part["support"], part["whole_picture"], part["region_side"]) == (0.0, 0.0, pytest.approx(0.2))
    assert part["score_in_whole"] == pytest.approx(0.9)
    assert part["margin_in_whole"] == pytest.approx(0.9 - 1.4)


def test_regions_without_matches_are_zeros() -> None:
    empty = matches_of([], [])
    assert not answer_features([empty, empty]).any()
    assert answer_features([]).shape == (0, len(ANSWER_FEATURES))
