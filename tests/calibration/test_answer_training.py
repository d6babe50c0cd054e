"""`fit_answer_model`: what made-up evidence teaches it."""

from __future__ import annotations

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput
from whatsit_client.types import Answer

from whatsit.calibration.answer_episodes import Episode
from whatsit.calibration.answer_training import fit_answer_model
from whatsit.ranking.answer_features import ANSWER_FEATURES

F, MARGIN = len(ANSWER_FEATURES), ANSWER_FEATURES.index("margin")


def episode(number: int, margin: float, right: bool) -> Episode:
    features = np.random.default_rng(number).normal(size=(2, F)).astype(np.float32)
    features[:, MARGIN] = margin
    flags = np.array([right, right])
    whole = np.array([True, False])
    return Episode(number, True, False, features, features, whole, flags, flags, Answer(False), right, right)


def made_up(count: int) -> list[Episode]:
    margins = np.random.default_rng(1).uniform(0, 1, count)
    return [episode(number, float(margin), bool(margin > 0.5)) for number, margin in enumerate(margins)]


def test_the_evidence_that_tells_right_from_wrong_weighs_most() -> None:
    model = fit_answer_model({"one": made_up(60), "two": made_up(40), "none": []})
    weights = np.abs(model.weights[:, 0])
    assert int(weights.argmax()) == MARGIN
    assert weights[MARGIN] > 3 * np.delete(weights, MARGIN).max()
    far = np.zeros((2, F), np.float32)
    far[:, MARGIN] = 0.95, 0.05
    first, _ = model(far)
    assert first[0] > 0.9
    assert first[1] < 0.1


def test_photos_that_are_all_right_teach_nothing() -> None:
    with pytest.raises(InvalidInput, match="always found first, or never"):
        fit_answer_model({"one": [episode(1, 0.5, True), episode(2, 0.6, True)]})
    with pytest.raises(InvalidInput, match="nothing to fit"):
        fit_answer_model({"one": []})
