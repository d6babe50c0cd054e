from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsit.evaluation.metrics.answer_quality import PhotoAnswer, measures, sign_test, threshold_curve, wilson

ANSWERS = [
    PhotoAnswer("1", "a", "found", "a", "a", 1, 0.9),
    PhotoAnswer("2", "a", "found", "b", "b", 2, 0.8),
    PhotoAnswer("3", "a", "unsure", "", "b", 3, 0.5, shown=("b", "a")),
    PhotoAnswer("4", "a", "not_found", "", "a", 1, 0.3),
    PhotoAnswer("5", "a", "not_searched"),
    PhotoAnswer("6", "", "found", "b", "b", None, 0.7),
    PhotoAnswer("7", "", "not_found", "", "a", None, 0.2),
    PhotoAnswer("8", "a", "unreadable"),
]


def test_counts() -> None:
    counts = {name: (share.count, share.of) for name, share in measures(ANSWERS).items()}
    assert counts == {
        "found_first": (2, 5),
        "found_in_five": (4, 5),
        "right": (1, 5),
        "wrong": (1, 5),
        "unsure": (1, 5),
        "unsure_shown": (1, 1),
        "silent": (2, 5),
        "not_searched": (1, 5),
        "absent_wrong": (1, 2),
        "absent_unsure": (0, 2),
        "absent_silent": (1, 2),
    }


def test_the_curve_counts_what_would_be_answered() -> None:
    points = {point.threshold: (point.right, point.wrong, point.absent) for point in threshold_curve(ANSWERS)}
    assert points[0.2] == (2 / 5, 2 / 5, 1.0)
    assert points[0.8] == (1 / 5, 1 / 5, 0.0)
    assert points[0.9] == (1 / 5, 0.0, 0.0)
    assert threshold_curve(ANSWERS[:1])[0].absent is None
    assert threshold_curve([]) == []


def test_known_intervals() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)  # statsmodels, method "wilson"
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611252), abs=1e-6)


@given(st.integers(1, 500).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_limits_solve_wilsons_equation(trial: tuple[int, int]) -> None:
    """A limit p is where |share - p| is z standard errors of p."""
    count, of = trial
    low, high = wilson(count, of)
    assert 0.0 <= low <= count / of <= high <= 1.0
    for limit in (low, high):
        if 0.0 < limit < 1.0:
            assert abs(count / of - limit) == pytest.approx(1.959964 * math.sqrt(limit * (1 - limit) / of), rel=1e-6)


def test_the_sign_test_is_the_binomial_tail() -> None:
    assert sign_test(0, 0) == 1.0
    assert sign_test(4, 4) == 1.0
    assert sign_test(5, 0) == pytest.approx(2 / 32)
    assert sign_test(1, 7) == pytest.approx(2 * 9 / 256)
