"""The benchmark: its sums, its load generator against a real Triton, its files."""

from __future__ import annotations

import csv
import importlib
import io
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console
from whatsit_client.errors import InvalidInput, WhatsitError

from perf.common.command import chosen
from perf.identify.variants import TITLES
from whatsit.server.launcher import Server

SECONDS = 3.0  # a reply must come even on a machine that is very busy
MODULES = {
    "stages": "stage_times",
    "report": "benchmark_report",
    "charts": "benchmark_charts",
    "variants": "variants",
    "generator": "load_generator",
}


@pytest.fixture
def parts() -> dict[str, ModuleType]:
    return {name: importlib.import_module(f"perf.identify.{module}") for name, module in MODULES.items()}


def reading(requests: int, milliseconds: dict[str, tuple[float, ...]], inside: float) -> dict[str, dict[str, Any]]:
    """Triton's statistics after so many requests, each of which took so long in each part of each step."""

    def spent(ms: float) -> dict[str, int]:
        return {"count": requests, "ns": int(requests * ms * 1e6)}

    names = ("queue", "compute_input", "compute_infer", "compute_output")
    found: dict[str, dict[str, Any]] = {
        step: {
            "execution_count": requests // 2,
            "inference_stats": {"success": spent(sum(times)), **dict(zip(names, map(spent, times), strict=True))},
        }
        for step, times in milliseconds.items()
    }
    return found | {"identify": {"execution_count": requests, "inference_stats": {"success": spent(inside)}}}


TIMES = {
    "decode": (0.1, 0.1, 4.0, 0.5),
    "detector": (0.2, 0.1, 12.0, 0.1),
    "classifier": (0.3, 0.1, 4.0, 0.1),
    "regions": (0.1, 0.2, 2.0, 0.4),
    "embedder": (0.4, 0.2, 15.0, 0.2),
    "retrieval": (0.1, 0.1, 1.5, 0.2),
}


def test_what_a_caller_waited_for_is_all_in_the_breakdown(parts: dict[str, ModuleType]) -> None:
    before, after = reading(100, TIMES, 39.0), reading(300, TIMES, 39.0)
    found = parts["stages"].latency_breakdown(before, after, latency=40.0, callers=1)
    in_line = sum(sum(times) for step, times in TIMES.items() if step != "classifier")  # it runs beside the detector
    assert [stage.name for stage in found.stages if stage.beside] == ["classifier"]
    assert found.steps == pytest.approx(in_line, abs=0.01)
    assert found.scheduling == pytest.approx(39.0 - in_line, abs=0.01)
    assert found.transport == pytest.approx(1.0, abs=0.01)
    assert found.steps + found.scheduling + found.transport == pytest.approx(40.0)
    assert found.explained == pytest.approx(in_line / 40.0, abs=0.001)
    assert found.stages[4].batch == 2.0


def test_the_slower_of_two_side_by_side_counts(parts: dict[str, ModuleType]) -> None:
    slow = TIMES | {"classifier": (0.0, 0.0, 30.0, 0.0)}
    found = parts["stages"].latency_breakdown({}, reading(10, slow, 60.0), latency=61.0, callers=4)
    assert [stage.name for stage in found.stages if stage.beside] == ["detector"]


def test_tables_and_charts(parts: dict[str, ModuleType], tmp_path: Path) -> None:
    report, setting = parts["report"], importlib.import_module("perf.common.setting")
    point = parts["generator"].Point
    ours = (point([10.0, 30.0], 50.0, 40.0, 0.2, 20.0, 3, 0), point([20.0, 22.0], 44.0, 42.0, 0.2, 21.0, 3, 0))
    best = (point([10.0, 10.0], 100.0, 38.0, 0.0, 10.0, 3, 0), point([11.0, 11.0], 88.0, 38.0, 0.0, 11.0, 3, 0))
    rows = [report.Row("ensemble", 4, ours), report.Row("ceiling", 4, best)]
    assert report.over_ceiling(rows, rows[0], report.Row.rates) == [0.5, 0.5]
    assert report.spread([3.0, 1.0, 2.0]) == "2.0 [1.0, 3.0]"
    breakdowns = [parts["stages"].latency_breakdown({}, reading(10, TIMES, 39.0), latency=40.0, callers=4)]
    out = tmp_path / "results" / "identify"
    text = report.write(out, setting.Setting.of_this_machine("benchmark"), rows, breakdowns)
    assert "| 47.0 [44.0, 50.0] | 0.50 [0.50, 0.50] |" in text
    with out.with_suffix(".csv").open() as file:
        assert [row["images_per_s"] for row in csv.DictReader(file)] == ["50.00", "44.00", "100.00", "88.00"]
    with (out.parent / "identify_stages.csv").open() as file:
        found = [float(row["compute_ms"]) for row in csv.DictReader(file) if row["stage"] == "measured latency"]
    assert found == [40.0]
    assert [path.stat().st_size > 5_000 for path in parts["charts"].draw(out, rows, breakdowns)] == [True, True]


def test_a_moment_without_replies_is_measured_once_more(parts: dict[str, ModuleType], tmp_path: Path) -> None:
    point = parts["generator"].Point([10.0, 30.0], 50.0, 40.0, 0.2, 20.0, 3, 0)

    class Stalling:
        """Stands still at those calls, of which the first warms up."""

        def __init__(self, *stalls: int) -> None:
            self.calls, self.stalls = 0, stalls

        def measure(self, *_: object) -> object:
            self.calls += 1
            if self.calls in self.stalls:
                raise WhatsitError("no reply in time")
            return point

    console = Console(file=io.StringIO())
    rounds = importlib.import_module("perf.identify.benchmark")._rounds
    for stalls, measured in (((), 3), ((3,), 3), ((3, 4), 1)):
        rows, _ = rounds({"ceiling": Stalling(*stalls)}, {}, [4], 3, tmp_path, 1.0, console)
        assert len(rows[0].points) == measured, stalls
    with pytest.raises(WhatsitError, match="no reply"):
        rounds({"ceiling": Stalling(2, 3)}, {}, [4], 3, tmp_path, 1.0, console)


@pytest.mark.triton
@pytest.mark.parametrize("kind", ["post", "each-model"])
def test_a_real_server_is_loaded(parts: dict[str, ModuleType], server: Server, shop: Path, kind: str) -> None:
    served = parts["variants"].Served(kind, server.http_url, "/v2/models/identify/infer", server.pid)
    before = parts["stages"].read_statistics(server.http_url)
    point = served.measure(shop / "scenes", callers=2, warm=0.0, seconds=SECONDS)
    after = parts["stages"].read_statistics(server.http_url)
    assert point.failures == 0
    assert 1 <= len(point.latencies) <= point.replies
    assert point.rate == pytest.approx(len(point.latencies) / SECONDS)
    if kind == "post":
        found = parts["stages"].latency_breakdown(before, after, point.mean_of_all, 2)
        assert all(stage.compute > 0 for stage in found.stages)
        assert found.inside <= found.latency


@pytest.mark.triton
def test_a_refusal_is_told(parts: dict[str, ModuleType], server: Server, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    served = parts["variants"].Served("post", server.http_url, "/v2/models/identify/infer", server.pid)
    with pytest.raises(WhatsitError, match="no readable"):
        served.measure(tmp_path, callers=1, warm=0.0, seconds=0.3)


@pytest.mark.parametrize("text", ["ensemble,nothing", ""])
def test_variants_that_are_none(text: str) -> None:
    with pytest.raises(InvalidInput):
        chosen(text, TITLES, "variant")
