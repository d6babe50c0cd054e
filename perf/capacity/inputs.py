"""What the capacity model rests on: measured figures, read from `perf/results`."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from whatsit_client.errors import Unavailable

from perf.capacity.queue_simulation import Machine, Station
from perf.common.tables import read_rows
from whatsit.serving.pbtxt import base_file, read_config
from whatsit.tuning.search_space import PIPELINE, ROW_THREADS, Knob, read_space

Rows = list[dict[str, str]]
_AFTER = {
    "detector": ("decode",), "classifier": ("decode",), "regions": ("detector", "classifier"),
    "embedder": ("regions",), "retrieval": ("embedder",),
}  # fmt: skip
# The work of bytes, scheduling and answers, and the load generator's on the same machine: nobody waits for an instance.
OUTSIDE, ANY = "server and caller", 1000
# Two lines of the benchmark that are no stages.
BETWEEN, OUTSIDE_STAGES = "the ensemble's scheduler", "HTTP, bytes in and out, the caller"


@dataclass(frozen=True)
class Point:
    """The ensemble under load, medians over the rounds.

    Args:
        callers: calls in flight.
        rate: images per second.
        p50_ms: of a call.
        cpu_ms: of the server's processes, per image.
        caller_cpu_ms: of the load generator, per image.
    """

    callers: int
    rate: float
    p50_ms: float
    cpu_ms: float
    caller_cpu_ms: float


@dataclass(frozen=True)
class Search:
    """One kind of index at one size.

    Args:
        kind: such as `hnsw`.
        items: in it.
        retrieval_ms: of an image, all its regions.
        index_bytes: per item.
        store_bytes: per item, on disk.
    """

    kind: str
    items: int
    retrieval_ms: float
    index_bytes: float
    store_bytes: float


@dataclass(frozen=True)
class Inputs:
    """All of them.

    Args:
        source: when, with which commit and on what the benchmark was run.
        machine: it, with the contention that its CPU time per image shows.
        stations: the stages, and what is outside of them.
        points: measured.
        search: measured without a filter.
        search_source: as `source`; "" where nothing was measured.
        regions: looked up per image in the measurement of the search.
    """

    source: str
    machine: Machine
    stations: tuple[Station, ...]
    points: tuple[Point, ...]
    search: tuple[Search, ...]
    search_source: str
    regions: float

    def point(self, callers: int) -> Point:
        """Return the measured point of so many callers."""
        return next(point for point in self.points if point.callers == callers)


def read_inputs(results: Path, model_repository: Path, name: str = "identify") -> Inputs:
    """Read the benchmark and the search's share.

    Args:
        results: folder of the CSV files.
        model_repository: whose instances the benchmark was run with.
        name: of the benchmark's files.

    Raises:
        Unavailable: there is no benchmark of the ensemble.
    """
    rows = [row for row in read_rows(results / f"{name}.csv") if row["variant"] == "ensemble"]
    stages = [row for row in read_rows(results / f"{name}_stages.csv") if row["variant"] == "ensemble"]
    if not rows or not stages:
        raise Unavailable(f"{results} has no {name}.csv of the ensemble: run `make bench-stages` first.")
    points = tuple(_point(callers, rows) for callers in sorted({int(row["callers"]) for row in rows}))
    alone, full = points[0], points[-1]
    cores = int(rows[0]["cores"])
    work = {row["stage"]: _work(row) for row in stages if int(row["callers"]) == alone.callers}
    beyond = max(0.0, alone.cpu_ms - sum(work[name] for name in PIPELINE))
    parts = dict.fromkeys(PIPELINE, 1)
    for name in _in_parts(model_repository):
        # Its clock ran while several cores worked: what no other stage and no wait outside of them accounts for is its.
        waits = sum(max(0.0, float(row["compute_ms"])) for row in stages if row["stage"] in (BETWEEN, OUTSIDE_STAGES)
                    and int(row["callers"]) == alone.callers)  # fmt: skip
        own, beyond = max(0.0, beyond - waits), min(beyond, waits)
        parts[name] = min(cores, max(1, round(1 + own / work[name])))
        work[name] += own
    outside = beyond + alone.caller_cpu_ms
    contention = max(0.0, full.cpu_ms / alone.cpu_ms - 1) / max(1, cores - 1)
    _, shipped = read_space(model_repository, None, cores)
    knobs = set(shipped)
    instances = {
        name: shipped.number(Knob(name, "instances"))
        * (shipped.number(Knob(name, "workers")) if Knob(name, "workers") in knobs else 1)
        for name in PIPELINE
    }
    stations = [
        Station(name, work[name], instances[name], _AFTER.get(name, (OUTSIDE,)), parts=parts[name]) for name in PIPELINE
    ]
    found = [row for row in read_rows(results / "retrieval_share.csv") if row["filter"] == "none"]
    return Inputs(
        _source(rows[0]),
        Machine(cores, contention),
        (Station(OUTSIDE, outside, ANY), *stations),
        points,
        tuple(
            Search(row["index"], int(row["items"]), float(row["retrieval_ms"]), float(row["index_bytes"]),
                   float(row["store_bytes"]))
            for row in found
        ),
        _source(found[0]) if found else "",
        statistics.mean(float(row["regions"]) for row in found) if found else 0.0,
    )  # fmt: skip


def _in_parts(model_repository: Path) -> list[str]:
    """Return the stages with `row_threads`: the embedder, or none."""
    configs = {name: read_config(base_file(model_repository / name, None)) for name in PIPELINE}
    rows = {name: config.parameters[ROW_THREADS].string_value or "1" for name, config in configs.items()}
    return [name for name, threads in rows.items() if threads != "1"][:1]


def _point(callers: int, rows: Rows) -> Point:
    mine = [row for row in rows if int(row["callers"]) == callers]
    columns = ("images_per_s", "p50_ms", "cpu_ms", "generator_cpu_ms")
    return Point(callers, *[statistics.median(float(row[column]) for row in mine) for column in columns])


def _work(row: Mapping[str, str]) -> float:
    return sum(float(row[column] or 0) for column in ("copy_in_ms", "compute_ms", "copy_out_ms"))


def _source(row: Mapping[str, str]) -> str:
    return f"{row['date']} UTC, commit {row['commit']}, {row['processor']}, {row['cores']} cores; {row['versions']}"
