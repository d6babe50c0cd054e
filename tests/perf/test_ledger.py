"""The ledger of speed: rounds in turn, when they end, and what is kept of them."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from perf.bench.cores import Cores
from perf.bench.counters import parse_count
from perf.bench.history import COLUMNS, append, draw
from perf.bench.ledger import FEWEST_ROUNDS, figures, run_rounds, write_page
from perf.common.processes import Usage
from perf.common.setting import Setting
from perf.identify.load_generator import Point

PACE = np.random.default_rng(0)
SETTING = Setting("2026-01-01 00:00", "abc1234", "a processor", 2, "versions")


class Fake:
    """A variant on a machine whose pace changes from round to round."""

    def __init__(self, rate: float, noise: float = 0.0) -> None:
        self.rate, self.noise, self.calls = rate, noise, 0

    def measure(self, folder: Path, callers: int, warm: float, seconds: float) -> Point:
        self.calls += 1
        rate = self.rate * callers * (1 + self.noise * PACE.normal())
        return Point([1000 / rate] * 4, rate, 1000 / rate, 1.0, 1000 / rate, 5, 0)


def rounds_of(within: float, noise: float, seconds: float = 60.0) -> tuple[dict[str, Fake], list[dict[str, object]]]:
    variants = {"fused": Fake(24, noise), "ceiling": Fake(20, noise)}
    end = time.monotonic() + seconds
    found = run_rounds(variants, (1, 4), Path(), 1.5, end, within, Console(quiet=True))
    return variants, figures(found, {"fused": [Usage("tritonserver", 1, 100.4, 200.0)]})


def test_rounds_end_when_the_intervals_are_narrow() -> None:
    variants, rows = rounds_of(0.03, 0.0)
    assert variants["fused"].calls == variants["ceiling"].calls == 2 * FEWEST_ROUNDS
    first = rows[0]
    assert (first["ratio_to_ceiling"], first["ratio_low"], first["ratio_high"]) == ("1.200", "1.200", "1.200")
    assert first["cpu_ratio"] == "0.833"
    assert first["memory_mib"] == "100"
    assert variants["fused"].calls < rounds_of(0.03, 0.04)[0]["fused"].calls


def test_rounds_end_when_the_time_is_over() -> None:
    variants, _ = rounds_of(1e-9, 0.1, seconds=0)
    assert variants["fused"].calls == 2 * FEWEST_ROUNDS


def test_the_history_grows_and_is_drawn(tmp_path: Path) -> None:
    _, rows = rounds_of(0.03, 0.02)
    for commit in ("abc1234", "def5678"):
        append(tmp_path / "history.csv", Setting("2026-01-01 00:00", commit, "a processor", 2, "versions"), 0.5, rows)
    with (tmp_path / "history.csv").open() as file:
        kept = list(csv.DictReader(file))
    assert len(kept) == 2 * len(rows) == 8
    assert tuple(kept[0]) == COLUMNS
    draw(tmp_path / "history.csv", tmp_path / "history.png")
    assert (tmp_path / "history.png").stat().st_size > 10_000
    table = write_page(tmp_path / "bench.md", SETTING, 0.5, Cores.parted({0, 1}), rows, {})
    assert "| fused | 1 |" in table


@pytest.mark.parametrize(("count", "servers", "callers"), [(1, 1, 1), (2, 2, 2), (4, 3, 1), (16, 14, 2)])
def test_cores_are_parted_where_there_are_enough(count: int, servers: int, callers: int) -> None:
    cores = Cores.parted(range(count))
    assert (len(cores.servers), len(cores.callers), cores.are_parted) == (servers, callers, count >= 4)


def test_instructions_are_read_where_there_are_any() -> None:
    assert parse_count("\n123456,,instructions:u,1000,100.00,,\n") == 123456
    assert parse_count("<not supported>,,instructions:u,0,100.00,,\n") is None
    assert parse_count("perf: not found") is None
