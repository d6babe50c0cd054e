"""Figures of answers, derived by hand from a few episodes."""

from __future__ import annotations

import numpy as np
import pytest
from whatsit_client.types import Answer

from whatsit.calibration.answer_episodes import Episode
from whatsit.ranking.answer_features import ANSWER_FEATURES
from whatsit.studies.answers.measure import answer_figures, former_rule, reliability

F = len(ANSWER_FEATURES)


def episode(
    photo: int,
    state: str,
    probability: float,
    right: bool,
    present: bool = True,
    stranger: bool = False,
    score: float = 1.2,
) -> Episode:
    features = np.zeros((1, F), np.float32)
    features[0, ANSWER_FEATURES.index("score")], features[0, ANSWER_FEATURES.index("region_side")] = score, 1.0
    flags = np.array([right])
    said = Answer(state == "found", state=state, probability=probability)
    return Episode(photo, present, stranger, features, features, np.array([True]), flags, flags, said, right, True)


SEEN = [
    episode(0, "found", 0.9, True),
    episode(1, "found", 0.8, False),
    episode(2, "unsure", 0.4, True, score=1.0),
    episode(3, "not_found", 0.1, False),
    episode(0, "found", 0.6, False, present=False),
    episode(1, "not_found", 0.2, False, present=False),
    episode(4, "not_found", 0.1, False, present=False, stranger=True),
]


def test_shares_are_those_of_the_photos() -> None:
    found = answer_figures(SEEN)
    assert (found.known, found.left_out, found.strangers) == (4, 2, 1)
    assert (found.first, found.right, found.wrong) == (0.5, 0.25, 0.25)
    assert found.unsure == 0.5
    assert (found.left_out_answered, found.strangers_answered) == (0.5, 0.0)
    assert found.coverage == 0.5  # above the stranger's 0.1
    assert (found.former_right, found.former_wrong) == (0.25, 0.5)
    assert answer_figures(SEEN[4:]).right is None


def test_the_former_rule_needs_its_score() -> None:
    assert [former_rule(one) for one in SEEN[:3]] == [True, False, None]


def test_bins_hold_mean_share_and_number() -> None:
    assert reliability(SEEN)[0] == (pytest.approx(0.1), 0.0, 2)
    assert sum(photos for _, _, photos in reliability(SEEN)) == len(SEEN)
