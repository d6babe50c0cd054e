"""Rows of the ablation, counted by hand."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from whatsit.evaluation.metrics.ablation import RankedResult, stage_rows
from whatsit.evaluation.reports.csv_table import write_table

RESULTS = [
    RankedResult("tea", "drinks", "packages", ("tea", "milk"), ("drinks", "drinks"), "tea"),
    RankedResult("milk", "drinks", "packages", ("tea", "x", "y", "z", "milk"), ("drinks",) * 5, "tea"),
    RankedResult("pear", "fruit", "fruit and vegetables", (), (), ""),
    RankedResult("kiwi", "fruit", "fruit and vegetables", ("a", "b", "c", "d", "e", "kiwi"), ("fruit",) * 6, "kiwi"),
]


def test_shares_are_counted_over_all_and_by_group() -> None:
    every, packages, fruit = stage_rows("shop", "none", RESULTS, 100.0, 5.0)
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
    rows = stage_rows("shop", "none", RESULTS, 100.0, 5.0)
    write_table(rows, tmp_path / "new" / "ranking.csv")
    with (tmp_path / "new" / "ranking.csv").open(encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert [row["group"] for row in read] == ["all", "packages", "fruit and vegetables"]
    assert float(read[0]["recall_at_1"]) == 0.25
    assert read[1]["median_ms"] == ""


def test_results_without_a_group_have_one_row() -> None:
    (row,) = stage_rows("shop", "none", [replace(result, group="") for result in RESULTS])
    assert (row.group, row.queries, row.recall_at_5) == ("all", 4, 0.5)
