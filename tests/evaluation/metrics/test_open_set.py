"""The threshold for a false-positive target, and the curve, counted by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.evaluation.metrics.open_set import OpenSet, PhotoScores
from whatsit.evaluation.reports.open_set_curve import write_curve
from whatsit.ranking import Matches
from whatsit.ranking.score import Score

SCORES = st.floats(0.0, 1.984375, width=32)


def accepted(others: list[float], min_score: float) -> int:
    """How many the stage `score` lets pass."""
    count = len(others)
    return len(Score(min_score)(Matches(np.arange(count), np.array(others, dtype=np.float32), ("",) * count)))


@given(st.lists(SCORES, min_size=1, max_size=60), st.floats(0.0, 1.0))
def test_the_threshold_keeps_the_target_and_is_the_lowest_that_does(others: list[float], target: float) -> None:
    open_set = OpenSet([PhotoScores(score) for score in others])
    picked = open_set.threshold(target)
    assert accepted(others, picked) <= target * len(others) + 1e-6
    assert open_set.at(picked).false_accepts == pytest.approx(accepted(others, picked) / len(others))
    assert picked == round(picked, 4)
    if picked:
        assert accepted(others, round(picked - 1e-4, 4)) > target * len(others) - 1e-6


def test_five_percent_of_a_hundred_are_five() -> None:
    open_set = OpenSet([PhotoScores(1 + place / 128) for place in range(100)])
    assert open_set.at(open_set.threshold(0.05)).false_accepts == 0.05


def test_coverage_and_right_counted_by_hand() -> None:
    photos = [PhotoScores(1.0, 1.5), PhotoScores(1.4, 1.3), PhotoScores(1.1, 0.9), PhotoScores(1.6)]
    point = OpenSet(photos).at(1.2)
    assert (point.false_accepts, point.coverage, point.right) == (0.5, 2 / 3, 1 / 3)


def test_without_photos_of_present_items_coverage_is_not_known() -> None:
    point = OpenSet([PhotoScores(1.0), PhotoScores(1.5)]).at(1.2)
    assert (point.false_accepts, point.coverage, point.right) == (0.5, None, None)


@given(st.lists(st.tuples(SCORES, st.none() | SCORES), min_size=1, max_size=30))
def test_a_higher_threshold_never_accepts_more(rows: list[tuple[float, float | None]]) -> None:
    curve = OpenSet([PhotoScores(*row) for row in rows]).curve()
    assert [point.min_score for point in (curve[0], curve[-1])] == [0.0, 2.0]
    assert (np.diff([point.false_accepts for point in curve]) <= 0).all()
    assert (np.diff([point.coverage or 0.0 for point in curve]) <= 0).all()
    assert all((point.right or 0.0) <= (point.coverage or 0.0) for point in curve)


def test_exact_pictures_of_other_items_cannot_be_told_apart() -> None:
    open_set = OpenSet([PhotoScores(2.0)] * 10 + [PhotoScores(1.0)] * 10)
    with pytest.raises(InvalidInput, match="duplicates"):
        open_set.threshold(0.05)
    assert open_set.threshold(0.5) == pytest.approx(1.0001)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least one"):
        OpenSet([])
    with pytest.raises(InvalidInput, match="within 0..1"):
        OpenSet([PhotoScores(1.0)]).threshold(1.5)


def test_the_curve_as_a_table_and_as_a_picture(tmp_path: Path) -> None:
    open_set = OpenSet([PhotoScores(1.0, 1.5), PhotoScores(1.25)])
    write_curve(open_set.curve(), open_set.at(1.1), tmp_path / "curve.csv")
    with (tmp_path / "curve.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 201
    assert rows[110] == {"min_score": "1.1", "false_accepts": "0.5", "coverage": "1.0", "right": "1.0"}
    pytest.importorskip("matplotlib", reason="only the training extra draws")
    write_curve(open_set.curve(), open_set.at(1.1), tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_curve_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    open_set = OpenSet([PhotoScores(1.0)])
    with pytest.raises(InvalidInput, match=".csv or .png"):
        write_curve(open_set.curve(), open_set.at(1.0), tmp_path / "curve.txt")
    with pytest.raises(Unavailable, match="is not there"):
        write_curve(open_set.curve(), open_set.at(1.0), tmp_path / "gone" / "curve.csv")
