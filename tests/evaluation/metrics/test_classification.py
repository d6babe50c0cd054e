"""The classifier's measures against the same answers by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatsit.evaluation.metrics.classification import (
    auc,
    confusion,
    false_accepts,
    gate_curve,
    gate_figures,
    source_accuracy,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=30))
def test_auc_is_the_share_of_ordered_pairs(rows: list[tuple[int, bool]]) -> None:
    scores = np.array([score for score, _ in rows], np.float32)
    positive = np.array([flag for _, flag in rows])
    pairs = [(a, b) for a in scores[positive] for b in scores[~positive]]
    if not pairs:
        assert np.isnan(auc(scores, positive))
        return
    assert auc(scores, positive) == pytest.approx(np.mean([(a > b) + (a == b) / 2 for a, b in pairs]))


def test_false_accepts_at_a_coverage() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.2, 0.75, 0.1], np.float32)
    sought = np.array([True, True, True, True, False, False])
    assert false_accepts(scores, sought, coverage=0.75) == pytest.approx(0.5)
    assert false_accepts(scores, sought, coverage=1.0) == pytest.approx(0.5)
    assert false_accepts(scores, sought, coverage=0.25) == 0


def test_gate_and_source() -> None:
    intent = np.array([[0.8, 0.1, 0.1], [0.1, 0.2, 0.7], [0, 0.4, 0.6], [0.1, 0.8, 0.1]], np.float32)
    figures = gate_figures(intent, ["apparel", "goods", "other", "other"])
    assert figures["intent_accuracy"] == 0.5
    assert figures["false_other"] == 0.5
    assert figures["other_kept"] == 0.5
    assert source_accuracy(intent, ["photo", "photo", "screenshot", "advertisement"]) == 0.75


def test_gate_curve_counts_what_passes_each_threshold() -> None:
    scores = np.array([0.9, 0.7, 0.4, 0.8, 0.4, 0.1], np.float32)
    sought = np.array([True, True, True, False, False, False])
    coverage, false = gate_curve(scores, sought)
    np.testing.assert_allclose(coverage, [1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(false, [0, 1 / 3, 2 / 3])  # a tie passes too


def test_confusion_counts_truth_by_what_was_said() -> None:
    counts = confusion(np.array([1, 1, 0, 2]), np.array([0, 0, 0, 2]), 3)
    assert counts.tolist() == [[1, 2, 0], [0, 0, 0], [0, 0, 1]]
