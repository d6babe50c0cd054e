"""`perf/gpu_check.py` goes through every step's code on the CPU, keeps its figures, and skips in whole sentences."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "perf" / "gpu_check.py"
STEPS = ["environment", "limits", "memory", "builds", "parity", "speed"]
STEPS += ["retinanet", "search", "decode", "serving", "training"]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # torch's threads wait for each other where cores are shared
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=500,
        env=environment,
    )  # fmt: skip


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """The rows of one dry run of everything."""
    folder = tmp_path_factory.mktemp("gpu")
    done = run("--dry-run", "--out", folder / "out.csv", "--scratch", folder / "scratch")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return read(folder / "out.csv")


@pytest.mark.slow
def test_every_step_says_something_and_none_breaks(figures: list[dict[str, str]]) -> None:
    assert list(dict.fromkeys(row["step"] for row in figures)) == STEPS
    skipped = [row for row in figures if row["measure"] == "skipped"]
    assert not [row["note"] for row in skipped if row["note"].startswith("It failed")]
    assert all(row["note"].endswith(".") and "\n" not in row["note"] for row in skipped)
    for step in ("environment", "limits", "memory", "parity", "speed", "retinanet", "search", "decode", "training"):
        assert [row for row in figures if row["step"] == step and row["measure"] != "skipped"], step


@pytest.mark.slow
def test_a_step_that_takes_too_long_costs_itself_alone(tmp_path: Path) -> None:
    """As on a GPU each step is a process of its own; a tenth of a second is not enough to start one."""
    out = tmp_path / "out.csv"
    apart = ("--dry-run", "--apart", "--out", out, "--scratch", tmp_path)
    done = run(*apart, "--steps", "environment")
    assert done.returncode == 0, done.stderr
    assert {row["case"] for row in read(out)} >= {"numpy", "nvidia-smi"}
    late = run(*apart, "--steps", "limits,environment", "--minutes", "0.0017")
    assert late.returncode == 1
    last = [row for row in read(out) if row["case"] == "all"]
    assert [row["step"] for row in last] == ["limits", "environment"]
    assert "was not done after" in last[0]["note"]
    assert "No time was left" in last[1]["note"]


@pytest.mark.slow
def test_figures_have_a_unit_and_stand_beside_the_limit(figures: list[dict[str, str]]) -> None:
    measured = [row for row in figures if row["step"] in ("limits", "speed", "training")]
    assert all(row["unit"] and float(row["value"]) > 0 for row in measured if row["measure"] != "skipped")
    limit = next(row for row in figures if row["case"] == "fp16 matrix product")
    beside = [row for row in figures if row["limit"] == "fp16 matrix product"]
    assert beside
    for row in beside:
        assert float(row["share"]) == pytest.approx(float(row["value"]) / float(limit["value"]), rel=1e-2)


@pytest.mark.slow
def test_what_is_counted_as_wrong_is_none(figures: list[dict[str, str]]) -> None:
    counted = [row for row in figures if row["measure"].startswith("wrong")]
    assert {row["step"] for row in counted} >= {"memory", "search"}
    assert all(row["value"] == "0" for row in counted)


def test_engines_are_timed_at_the_batches_that_they_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What only a GPU can run, with a runner that stands in for the plan's."""
    from perf.gpu import speed
    from perf.gpu.check import Check

    seen: list[tuple[str, int]] = []

    class Runner:
        runtime, max_batch = "tensorrt 10", 8
        inputs = (SimpleNamespace(name="images"),)

        def __init__(self, path: str, graphs: tuple[int, ...]) -> None:
            assert graphs == (1, 8, 32)

        def __enter__(self) -> Runner:
            return self

        def __exit__(self, *_: object) -> None: ...

        def run_parts(self, parts: list[dict[str, Any]], on_device: bool) -> None:
            assert on_device
            seen.append(("device", parts[0]["images"].shape[0]))

        def run(self, feeds: dict[str, Any]) -> None:
            seen.append(("host", len(feeds["images"])))

    monkeypatch.setattr(speed, "PlanRunner", Runner)
    monkeypatch.setattr(speed, "milliseconds", lambda work: (work(), 4.0)[1])
    limits = {"int8 matrix product": 100.0}
    check = Check("speed", ("today", "abc", "H100", "580"), tmp_path / "out.csv", tmp_path, limits=limits)
    speed.measure_plan(check, "embedder", "model.plan", 8, 1e12, (1, 8, 32))
    assert seen == [("device", 1), ("device", 8), ("host", 32)]
    rows = {(row["case"], row["measure"]): row for row in read(tmp_path / "out.csv")}
    assert float(rows["embedder, tensorrt 10, batch 8", "images"]["value"]) == 2000
    assert float(rows["embedder, tensorrt 10, batch 8", "arithmetic"]["share"]) == 20
    assert check.done("embedder, tensorrt 10, batch 8")
    assert not check.done("embedder, tensorrt 10, batch 32")


def test_without_a_gpu_a_real_run_says_so(tmp_path: Path) -> None:
    from whatsit_client.errors import Unavailable

    from whatsit.engines.gpu import find_gpus

    try:
        find_gpus()
    except Unavailable:
        pass
    else:
        pytest.skip("this machine has a GPU")
    done = run("--out", tmp_path / "out.csv")
    assert done.returncode != 0
    assert "try --dry-run here" in done.stderr
    assert "Traceback" not in done.stderr
    assert run("--dry-run", "--steps", "sped").stderr.startswith("gpu_check: There is no step sped")


def test_the_wrong_neighbours_of_a_search_are_counted() -> None:
    """The script's own judge: numbers that are not the nearest, or not allowed, count."""
    import numpy as np

    from perf.gpu.search import _K, _wrong

    vectors = np.random.default_rng(0).normal(size=(100, 8)).astype(np.float32)
    order = np.argsort(-(vectors[:1] @ vectors.T), axis=1)
    right = order[:, :_K] + 1
    assert _wrong(vectors, vectors[:1], right, None) == 0
    assert _wrong(vectors, vectors[:1], order[:, -_K:] + 1, None) == _K
    odd = np.arange(1, 101, 2)
    allowed = np.array([[number for number in (order[0] + 1).tolist() if number % 2][:_K]])
    assert _wrong(vectors, vectors[:1], allowed, odd) == 0
    assert _wrong(vectors, vectors[:1], right, odd) > 0
