"""`AnswerModel`: probabilities, and its file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import Damaged

from whatsit.engines.repository import answer_file
from whatsit.ranking.answer_features import ANSWER_FEATURES
from whatsit.ranking.answer_model import AnswerModel, logistic, logit

F = len(ANSWER_FEATURES)


def model(first: float = 1.0, shown: float = 2.0) -> AnswerModel:
    weights, bias = np.full((F, 2), 0.1), np.array([first, shown])
    return AnswerModel(np.zeros(F), np.full(F, 2.0), weights, bias, -weights, -bias)


def test_features_are_scaled_and_clipped_and_the_first_three_are_never_less_likely() -> None:
    first, shown = model()(np.full((1, F), 1.0, np.float32))
    assert first[0] == pytest.approx(1 / (1 + np.exp(-(1 + 0.05 * F))), abs=1e-6)
    assert shown[0] > first[0]
    assert model(2.0, -2.0)(np.zeros((1, F), np.float32))[1][0] == pytest.approx(1 / (1 + np.exp(-2.0)), abs=1e-6)
    far = model()(np.full((1, F), 1000.0, np.float32))[0]
    assert far[0] == model()(np.full((1, F), 8.0, np.float32))[0][0]


def test_a_region_by_itself_has_weights_of_its_own() -> None:
    features = np.full((1, F), 1.0, np.float32)
    assert model()(features, alone=True)[0][0] == pytest.approx(1 - model()(features)[0][0], abs=1e-6)


def test_logit_undoes_logistic() -> None:
    assert logit(logistic(np.array([-3.0, 0.0, 2.0]))) == pytest.approx([-3.0, 0.0, 2.0])
    assert np.isfinite(logit(np.array([0.0, 1.0]))).all()


def test_a_model_is_read_as_it_was_written(tmp_path: Path) -> None:
    model().write(tmp_path / "answer.json")
    features = np.random.default_rng(0).normal(size=(5, F)).astype(np.float32)
    again = AnswerModel.read(tmp_path / "answer.json")
    np.testing.assert_allclose(again(features)[0], model()(features)[0], atol=1e-5)
    assert [file.name for file in tmp_path.iterdir()] == ["answer.json"]


@pytest.mark.parametrize("spoil", [lambda known: known.update(format=9), lambda known: known.pop("mean")])
def test_a_file_of_another_version_is_refused(tmp_path: Path, spoil: object) -> None:
    model().write(tmp_path / "a.json")
    known = json.loads((tmp_path / "a.json").read_text())
    spoil(known)  # type: ignore[operator]
    (tmp_path / "b.json").write_text(json.dumps(known))
    with pytest.raises(Damaged, match="answer model"):
        AnswerModel.read(tmp_path / "b.json")
    with pytest.raises(Damaged, match="answer model"):
        AnswerModel.read(tmp_path / "none.json")


def test_the_shipped_model_believes_near_and_lone_matches_more() -> None:
    shipped = AnswerModel.read(answer_file())
    good, poor = np.zeros((1, F), np.float32), np.zeros((1, F), np.float32)
    for name, near, far in (("score", 1.6, 1.0), ("margin", 0.5, 0.0), ("above_mean", 0.6, 0.05), ("support", 1, 0)):
        column = ANSWER_FEATURES.index(name)
        good[0, column], poor[0, column] = near, far
    for name in ("region_side", "region_score", "whole_picture"):
        good[0, ANSWER_FEATURES.index(name)] = poor[0, ANSWER_FEATURES.index(name)] = 1.0
    good[0, ANSWER_FEATURES.index("score_in_whole")], poor[0, ANSWER_FEATURES.index("score_in_whole")] = 1.6, 1.0
    good[0, ANSWER_FEATURES.index("margin_in_whole")] = 0.5
    assert shipped(good)[0][0] > 0.8
    assert shipped(poor)[0][0] < 0.1
