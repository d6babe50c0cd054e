"""The figures as CSV files and as a Markdown table."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from perf.common.setting import Setting
from perf.common.tables import markdown
from perf.identify.load_generator import Point
from perf.identify.stage_times import LatencyBreakdown
from perf.identify.variants import TITLES

OUTSIDE = "HTTP, bytes in and out, the caller"
BETWEEN = "the ensemble's scheduler"
COLUMNS = ("variant", "callers", "round", "images", "images_per_s", "p50_ms", "p99_ms", "cpu_ms", "generator_cpu_ms",
           "failures")  # fmt: skip
STAGE_COLUMNS = ("variant", "callers", "stage", "queue_ms", "copy_in_ms", "compute_ms", "copy_out_ms",
                 "requests_per_execution", "beside")  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One variant at one number of callers.

    Args:
        variant: a name of `TITLES`.
        callers: requests in flight.
        points: one for each round.
    """

    variant: str
    callers: int
    points: tuple[Point, ...]

    def rates(self) -> list[float]:
        """Images per second, round by round."""
        return [point.rate for point in self.points]

    def percentile(self, percent: float) -> float:
        """Of all rounds' latencies together, milliseconds."""
        return float(np.percentile(np.concatenate([point.latencies for point in self.points]), percent))

    def medians(self) -> list[float]:
        """Median latency, round by round, milliseconds."""
        return [float(np.median(point.latencies)) for point in self.points]

    def cpu(self) -> list[float]:
        """CPU milliseconds of the server per image, round by round."""
        return [point.cpu for point in self.points]

    def generator(self) -> float:
        """CPU milliseconds of the load generator per image."""
        return statistics.median(point.own_cpu for point in self.points)


def over_ceiling(rows: Sequence[Row], row: Row, figure: Callable[[Row], list[float]]) -> list[float]:
    """Return a figure over the ceiling's of the same round, for each round."""
    ceiling = next((one for one in rows if (one.variant, one.callers) == ("ceiling", row.callers)), None)
    return [] if ceiling is None else [a / b for a, b in zip(figure(row), figure(ceiling), strict=False) if b]


def write(out: Path, setting: Setting, rows: Sequence[Row], breakdowns: Sequence[LatencyBreakdown]) -> str:
    """Write `OUT.csv`, `OUT_stages.csv` and `OUT.md`; the text of the last.

    Args:
        out: path without an ending.
        setting: of the measurement.
        rows: variants.
        breakdowns: of the ensemble, plain and fused, one for each number of callers.
    """
    setting.write(out.with_suffix(".csv"), COLUMNS, _points(rows))
    setting.write(out.with_name(f"{out.name}_stages.csv"), STAGE_COLUMNS, _parts(breakdowns))
    text = "\n".join([*_head(setting), *_compared(rows), "", *(line for one in breakdowns for line in _breakdown(one))])
    out.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    return text


def _points(rows: Sequence[Row]) -> list[list[object]]:
    return [
        [
            row.variant, row.callers, number + 1, len(point.latencies), f"{point.rate:.2f}",
            f"{np.percentile(point.latencies, 50):.2f}", f"{np.percentile(point.latencies, 99):.2f}",
            f"{point.cpu:.2f}", f"{point.own_cpu:.3f}",
            point.failures,
        ]
        for row in rows
        for number, point in enumerate(row.points)
    ]  # fmt: skip


def _parts(breakdowns: Sequence[LatencyBreakdown]) -> list[list[object]]:
    rows: list[list[object]] = []
    for one in breakdowns:
        for stage in one.stages:
            times = [f"{time:.3f}" for time in stage.times]
            rows.append([one.variant, one.callers, stage.name, *times, f"{stage.batch:.2f}", int(stage.beside)])
        for name, time in ((BETWEEN, one.scheduling), (OUTSIDE, one.transport), ("measured latency", one.latency)):
            rows.append([one.variant, one.callers, name, "", "", f"{time:.3f}", "", "", 0])
    return rows


def _head(setting: Setting) -> list[str]:
    return [
        "# `identify`: what it costs, and what else would cost",
        "",
        f"{setting.date} UTC, commit {setting.commit}, {setting.processor}, {setting.cores} cores; {setting.versions}.",
        "Written by `python -m perf.identify.benchmark`. Medians over the rounds, lowest and highest in brackets. CPU",
        "ms per image are those of the server's processes; the load generator's own stand in the last column.",
        "",
    ]


def _compared(rows: Sequence[Row]) -> list[str]:
    names = ["variant", "callers", "images/s", "of the ceiling", "p50 ms", "of the ceiling", "p99 ms", "CPU ms",
             "generator"]  # fmt: skip
    cells = [
        [TITLES[row.variant], row.callers, spread(row.rates()), spread(over_ceiling(rows, row, Row.rates), 2),
         spread(row.medians()), spread(over_ceiling(rows, row, Row.medians), 2), f"{row.percentile(99):.1f}",
         spread(row.cpu()), f"{row.generator():.2f}"]
        for row in rows
    ]  # fmt: skip
    lines = markdown(names, cells, "---" + " ---:" * 8)
    failed = [(row, sum(point.failures for point in row.points)) for row in rows]
    lines += [""] + [
        f"{TITLES[row.variant]}, {row.callers} callers: {count} calls failed." for row, count in failed if count
    ]
    return lines


def _breakdown(one: LatencyBreakdown) -> list[str]:
    name, callers = "fused ensemble" if one.variant == "fused" else "ensemble", f"{one.callers} callers"
    lines = [
        f"## The {name} at {callers.rstrip('s') if one.callers == 1 else callers}: {one.latency:.1f} ms on average",
        "",
    ]
    cells = []
    for stage in one.stages:
        total = f"({stage.total:.2f}, beside)" if stage.beside else f"{stage.total:.2f}"
        cells.append([stage.name, *(f"{time:.2f}" for time in stage.times), total, f"{stage.batch:.2f}"])
    names = ("stage", "queue", "copy in", "compute", "copy out", "together", "requests per execution")
    lines += [
        *markdown(names, cells, "---" + " ---:" * 6),
        f"| {BETWEEN} | | | | | {one.scheduling:.2f} | |",
        f"| {OUTSIDE} | | | | | {one.transport:.2f} | |",
        "",
        f"The stages' own clocks account for {one.explained:.1%} of what the caller waited. A step's clock stops",
        "after its answer was handed on, so stages overlap a little and the scheduler's rest can fall below 0.",
        "",
    ]
    return lines


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median, lowest and highest: "84.1 [82.0, 85.5]"."""
    if not values:
        return ""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
