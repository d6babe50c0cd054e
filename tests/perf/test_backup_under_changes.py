"""Back-ups beside a process that makes 50 changes a second are points in time."""

from __future__ import annotations

import csv
from pathlib import Path

from perf.catalogue.backup_under_changes import main


def test_every_back_up_is_one_point_in_time(tmp_path: Path) -> None:
    main(items=300, size=2_000, rate=50.0, count=3, quiet=2.0, out=tmp_path)
    with (tmp_path / "backup.csv").open(encoding="utf-8") as file:
        none, *rows = csv.DictReader(file)
    assert int(none["changes_during"]) > 0
    assert len({row["sequence"] for row in rows}) == 3
    for row in rows:
        assert [row[name] for name in ("items_wrong", "items_after", "vectors_wrong", "problems")] == ["0"] * 4
