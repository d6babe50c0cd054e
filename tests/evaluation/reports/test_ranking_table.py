"""The table of stages, counted by hand, and the points of the open-set curves."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from whatsit.evaluation.metrics.open_set import OpenSet, Sighting
from whatsit.evaluation.reports.csv_table import write_table
from whatsit.evaluation.reports.ranking_table import Reply, stage_rows
from whatsit.studies.open_set_stages import StageCurve, _at, _present_only, summary, write_curves

REPLIES = [
    Reply("tea", "drinks", "packages", ("tea", "milk"), ("drinks", "drinks"), "tea"),
    Reply("milk", "drinks", "packages", ("tea", "x", "y", "z", "milk"), ("drinks",) * 5, "tea"),
    Reply("pear", "fruit", "fruit and vegetables", (), (), ""),
    Reply("kiwi", "fruit", "fruit and vegetables", ("a", "b", "c", "d", "e", "kiwi"), ("fruit",) * 6, "kiwi"),
]


def test_shares_are_counted_over_all_and_by_group() -> None:
    every, packages, fruit = stage_rows("shop", "none", REPLIES, 100.0, 5.0)
    assert (every.group, every.queries) == ("all", 4)
    assert (every.recall_at_1, every.recall_at_5, every.category_at_1) == (0.25, 0.5, 0.75)
    assert (every.answered, every.answered_wrong) == (0.5, 0.25)
    assert (every.median_ms, every.added_ms) == (100.0, 5.0)
    assert (packages.group, packages.recall_at_1, packages.recall_at_5, packages.median_ms) == (
        "packages",
        0.5,
        1,
        None,
    )
    assert (fruit.recall_at_1, fruit.answered, fruit.answered_wrong) == (0.0, 0.5, 0.0)


def test_the_table_is_written_with_its_fields(tmp_path: Path) -> None:
    rows = stage_rows("shop", "none", REPLIES, 100.0, 5.0)
    write_table(rows, tmp_path / "new" / "ranking.csv")
    with (tmp_path / "new" / "ranking.csv").open(encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert [row["group"] for row in read] == ["all", "packages", "fruit and vegetables"]
    assert float(read[0]["recall_at_1"]) == 0.25
    assert read[1]["median_ms"] == ""


def test_known_and_unknown_photos_are_counted_apart(tmp_path: Path) -> None:
    absent = [Sighting(value) for value in (0.1, 0.2, 0.6, 0.9)]
    present = [Sighting(0.5, 0.8, 0.3), Sighting(0.5, 0.7, 0.75), Sighting(0.5, 0.4, 0.1)]
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
