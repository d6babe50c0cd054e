"""The capacity model's arithmetic, recomputed by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from whatsit_client.errors import Unavailable

from perf.capacity.inputs import Inputs, Point, Search, read_inputs
from perf.capacity.model import GIB, Plan, curves, estimate
from perf.capacity.page import page
from perf.capacity.queue_simulation import Machine, Station

SEARCH = (
    Search("flat", 1_000, 2.0, 520.0, 1500.0),
    Search("flat", 100_000, 10.0, 520.0, 1500.0),
    Search("flat", 1_000_000, 100.0, 520.0, 1500.0),
    Search("hnsw", 100_000, 8.0, 800.0, 1500.0),
    Search("hnsw", 1_000_000, 10.0, 800.0, 1500.0),
)
INPUTS = Inputs(
    "now", Machine(4), (Station("outside", 5, 1000), Station("all", 95, 4, ("outside",))),
    (Point(1, 10, 100, 100, 0), Point(8, 40, 200, 100, 0)), SEARCH, "now", 5.0,
)  # fmt: skip
PLAN = Plan(cores=8, gib=16, price=0.5, utilisation=0.5, server_gib=2)


def test_curves_go_through_the_two_largest_sizes() -> None:
    flat, hnsw = curves(SEARCH)
    assert flat.ms(1_000_000) == pytest.approx(100)
    assert flat.ms(2_000_000) == pytest.approx(200)  # a scan of twice as many
    assert hnsw.ms(100_000_000) == pytest.approx(14)  # two powers of ten more
    assert curves(SEARCH[:1]) == []


def test_one_machine_holds_the_index() -> None:
    """80 images/s at 100 + (10 - 2) ms of a core each are 8.64 cores; 8 cores half full are 4, so 3 machines."""
    found = estimate(INPUTS, PLAN, curves(SEARCH), 80, 1_000_000, 100.0)
    assert (found.kind, found.serving, found.searching) == ("hnsw", 3, 0)
    assert found.cores == pytest.approx(8.64)
    assert found.price == pytest.approx(1.5)
    assert found.per_million == pytest.approx(1.5 / (80 * 3600) * 1e6)


def test_shards_on_machines_of_their_own() -> None:
    """100 million of 520 bytes are 48.4 GiB, 5 machines of 12 GiB for a scan; a graph of 800 bytes takes 7."""
    flat, hnsw = curves(SEARCH)
    one = estimate(INPUTS, PLAN, [hnsw], 10, 100_000_000, 100.0)
    assert pytest.approx(6.2, abs=0.1) == 100_000_000 * 800 / GIB / 12
    assert (one.shards, one.searching, one.serving) == (7, 7, 1)
    assert one.cores == pytest.approx(10 * (100 + 7 * hnsw.ms(1e8 / 7)) / 1000)
    many = estimate(INPUTS, PLAN, [hnsw], 1000, 100_000_000, 100.0)
    asked = 1000 * 7 * hnsw.ms(1e8 / 7) / (8 * 0.5 * 1000)
    assert asked <= many.searching < asked + 7
    assert many.searching % 7 == 0, "whole copies"
    assert estimate(INPUTS, PLAN, [flat, hnsw], 1000, 100_000_000, 100.0).kind == "hnsw", "fewer machines than a scan"


def test_the_page_says_where_its_figures_come_from_and_no_word_of_gpus() -> None:
    text = page(INPUTS, PLAN)
    assert "| 80 | " not in text
    for title in ("What an image costs", "against the measured points", "Machines and money", "memory and time"):
        assert title in text
    assert "GPU" not in text
    assert text == page(INPUTS, PLAN), "the same figures give the same page, so that --check can compare"


STAGES = ("decode", "detector", "classifier", "regions", "embedder", "retrieval")


def models(folder: Path, row_threads: int) -> Path:
    for stage in STAGES:
        (folder / stage).mkdir(parents=True)
        threads = f'parameters {{ key: "row_threads" value: {{ string_value: "{row_threads}" }} }}'
        text = f'name: "{stage}" instance_group [ {{ count: 2 }} ] {threads if stage == "embedder" else ""}'
        (folder / stage / "config.pbtxt").write_text(text)
    return folder


def benchmark(folder: Path, cpu_ms: float) -> None:
    head = {"date": "d", "commit": "c", "processor": "p", "cores": 4, "versions": "v"}
    times = {"queue_ms": 9, "copy_in_ms": 1, "compute_ms": 10, "copy_out_ms": 1}
    rows = [
        {**head, "variant": "ensemble", "callers": callers, "images_per_s": rate, "p50_ms": 80, "cpu_ms": cpu,
         "generator_cpu_ms": 1}
        for callers, rate, cpu in ((1, 11, cpu_ms), (1, 13, cpu_ms), (1, 12, cpu_ms), (16, 30, 1.3 * cpu_ms))
    ]  # fmt: skip
    head |= {"variant": "ensemble"}
    stages = [{**head, "callers": 1, "stage": stage, **times} for stage in STAGES]
    between = {**times, "queue_ms": "", "copy_in_ms": "", "copy_out_ms": "", "compute_ms": 4}
    stages.append({**head, "callers": 1, "stage": "the ensemble's scheduler", **between})
    _write(folder / "identify.csv", rows)
    _write(folder / "identify_stages.csv", stages)


def test_the_benchmarks_columns_are_read(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="make bench"):
        read_inputs(tmp_path, tmp_path)
    benchmark(tmp_path, 80)
    inputs = read_inputs(tmp_path, models(tmp_path / "models", 1))
    assert inputs.point(1).rate == 12
    assert {station.name: station.work_ms for station in inputs.stations[1:]} == dict.fromkeys(STAGES, 12)
    assert inputs.stations[0].work_ms == pytest.approx(80 - 6 * 12 + 1)
    assert inputs.machine.contention == pytest.approx(0.1), "30 % more CPU time on four cores: a tenth for each further"


def test_a_stage_that_takes_idle_cores_costs_more_than_its_clock_says(tmp_path: Path) -> None:
    """Of 100 ms of CPU time the clocks account for 72 and waits outside of them for 4: 24 are the embedder's others."""
    benchmark(tmp_path, 100)
    inputs = read_inputs(tmp_path, models(tmp_path / "models", 0))
    embedder = next(station for station in inputs.stations if station.name == "embedder")
    assert embedder.work_ms == pytest.approx(12 + 24)
    assert embedder.parts == 3, "36 ms in 12"
    assert inputs.stations[0].work_ms == pytest.approx(4 + 1)


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
