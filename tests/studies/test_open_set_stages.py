"""Points of the open-set curves, counted by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from whatsit.evaluation.metrics.open_set import OpenSet, PhotoScores
from whatsit.studies.open_set_stages import StageCurve, _at, _present_only, summary, write_curves


def test_known_and_unknown_photos_are_counted_apart(tmp_path: Path) -> None:
    absent = [PhotoScores(value) for value in (0.1, 0.2, 0.6, 0.9)]
    present = [PhotoScores(0.5, 0.8, 0.3), PhotoScores(0.5, 0.7, 0.75), PhotoScores(0.5, 0.4, 0.1)]
    seen = OpenSet([*absent, *_present_only(present)])
    point = _at(seen, len(absent), 0.6)
    assert point.false_accepts == 0.5  # 0.6 and 0.9 of four
    assert point.coverage == pytest.approx(2 / 3)
    assert point.right == pytest.approx(1 / 3)  # one of the two has a rival above it
    curve = StageCurve("none", point, _at(seen, len(absent), 0.95), [point])
    line = summary(curve)
    assert (line.false_accepts, line.coverage_at_target) == (0.5, 0.0)
    write_curves([curve], tmp_path / "curve.csv")
    with (tmp_path / "curve.csv").open(encoding="utf-8") as file:
        assert [row["point"] for row in csv.DictReader(file)] == ["calibrated", "target", ""]
