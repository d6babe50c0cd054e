"""The whole of a run on the computed pipeline: what is confirmed, what is written, what an interruption leaves."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
from computed import ComputedPool, closed_form
from whatsit_client.errors import InvalidInput

from whatsit.serving.pbtxt import read_config
from whatsit.tuning.ab_test import find_concurrency
from whatsit.tuning.confirmation import compare, confirm
from whatsit.tuning.objective import Goal
from whatsit.tuning.search_space import PIPELINE, Configuration
from whatsit.tuning.tuner import Task, Tuner, read_pictures


@pytest.fixture
def root(models: Path, tmp_path: Path) -> Path:
    """A checkout without its networks' files."""
    ignore = shutil.ignore_patterns("*.onnx", "*.plan", "tuned.pbtxt")
    for name in ("model_repository", "ensembles"):
        shutil.copytree(models.parent / name, tmp_path / "root" / name, ignore=ignore)
    return tmp_path / "root"


def task(root: Path, start: str = "worst", out: Path | None = None, minutes: float = 15) -> Task:
    return Task(root, None, Goal(1000), [b"picture"], 60 * minutes, start, None, out, root.parent / "report")


def test_from_the_worst_start_it_writes_overlays_as_good_as_the_shipped(root: Path) -> None:
    pool = ComputedPool(noise=0.03, drift=0.15)
    tuner = Tuner(task(root), pool, cores=4, clock=lambda: pool.now)
    outcome = tuner.run()
    assert pool.now < 15 * 60, "in the time that was given"
    assert pool.open_now == 0
    assert {one.name for one in outcome.confirmed} == {"start", "shipped", "tuned"}
    assert outcome.against["start"].better
    assert not outcome.against["shipped"].worse
    found, shipped = (closed_form(one, 16)[0] for one in (outcome.best, tuner.shipped))
    assert found > 0.95 * shipped
    assert len(outcome.written) == (len(PIPELINE) if outcome.against["shipped"].ratio >= 1 else 0)
    for path in outcome.written:
        model = path.parents[1].name
        assert path == root / "model_repository" / model / "configs" / "tuned.pbtxt"
        values = {knob.name: value for knob, value in outcome.best.values if knob.model == model}
        assert read_config(path).instance_group[0].count == values["instances"]
    with (root.parent / "report" / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(tuner.log.trials) > 5
    assert rows[0]["detector.threads"] == "4"


def test_the_copy_is_written_and_the_repository_left_alone(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = ComputedPool(noise=0.02)
    tuner = Tuner(task(root, out=tmp_path / "copy", minutes=4), pool, cores=4, clock=lambda: pool.now)
    monkeypatch.setattr(
        "computed.closed_form", lambda one, at: (20.0 if one == tuner.shipped else 30.0, at / 0.03, 120.0)
    )
    outcome = tuner.run()
    assert len(outcome.written) == len(PIPELINE)
    assert all(path.is_relative_to(tmp_path / "copy") for path in outcome.written)
    assert (tmp_path / "copy" / "ensembles" / "identify" / "config.pbtxt").is_file()
    assert not list(root.rglob("tuned.pbtxt"))


def test_nothing_is_written_where_nothing_beats_the_shipped(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here every change of the shipped configuration makes it slower."""
    pool = ComputedPool(noise=0.01)
    tuner = Tuner(task(root, start="shipped", minutes=8), pool, cores=4, clock=lambda: pool.now)
    monkeypatch.setattr(
        "computed.closed_form", lambda one, at: (30.0 if one == tuner.shipped else 20.0, at / 0.03, 120.0)
    )
    outcome = tuner.run()
    assert outcome.best == tuner.shipped
    assert outcome.written == ()
    assert [one.name for one in outcome.confirmed] == ["tuned"]


def test_of_two_within_noise_the_slower_stays_unwritten(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the shipped configuration is a hundredth ahead of all others."""
    pool = ComputedPool(noise=0.02)
    tuner = Tuner(task(root, minutes=4), pool, cores=4, clock=lambda: pool.now)
    monkeypatch.setattr(
        "computed.closed_form", lambda one, at: (30.0 if one == tuner.shipped else 29.7, at / 0.03, 120.0)
    )
    outcome = tuner.run()
    assert outcome.best != tuner.shipped
    assert outcome.against["shipped"].ratio < 1
    assert not outcome.against["shipped"].better
    assert outcome.written == ()


def test_an_interruption_leaves_the_best_so_far(root: Path) -> None:
    class Stopping(ComputedPool):
        def measure(self, configuration: Configuration, concurrency: int):  # type: ignore[no-untyped-def]  # as in the base
            if self.opened > 5:
                raise KeyboardInterrupt
            return super().measure(configuration, concurrency)

    pool = Stopping(noise=0.02)
    tuner = Tuner(task(root), pool, cores=4, clock=lambda: pool.now)
    with pytest.raises(KeyboardInterrupt):
        tuner.run()
    outcome = tuner.keep_best()
    assert outcome is not None
    assert outcome.best != tuner.start
    assert "not confirmed" in outcome.written[0].read_text()


def test_confirming_refuses_what_breaks_the_latency(root: Path) -> None:
    """Of two, the faster one answers too late: it is not the better one."""
    pool = ComputedPool(noise=0.01)
    tuner = Tuner(task(root), pool, cores=4)
    slow, quick = tuner.start, tuner.shipped
    goal = Goal(100)  # one thread takes 120 ms
    late, kept = confirm(pool, {"shipped": quick, "start": slow}, goal, begin=1)
    assert (late.met, kept.met) == (False, True)
    assert compare(kept, late, goal).better
    assert compare(late, kept, goal).worse


def test_confirming_ends_with_the_time(root: Path) -> None:
    pool = ComputedPool()
    tuner = Tuner(task(root), pool, cores=4)
    (one,) = confirm(pool, {"tuned": tuner.start}, Goal(1000), begin=4, is_late=lambda: True)
    assert len(one.measurement.blocks) == 3


def test_climbing_finds_the_concurrency(root: Path) -> None:
    tuner = Tuner(task(root), ComputedPool(), cores=4)
    candidate = ComputedPool().open(tuner.shipped)
    for slo in (1e6, 150):  # the cores are full at four callers, at 120 ms a call
        for begin in (1, 2, 8):
            concurrency, _ = find_concurrency(candidate, Goal(slo), begin)
            assert closed_form(tuner.shipped, concurrency)[0] == pytest.approx(1000 / 30, rel=0.01)
            assert slo > 150 or concurrency == 4


def test_pictures_are_spread_over_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no pictures"):
        read_pictures(tmp_path, 4)
    for number in range(10):
        (tmp_path / f"{number}.jpg").write_bytes(b"%d" % number)
    (tmp_path / "notes.txt").touch()
    assert read_pictures(tmp_path, 5) == [b"0", b"2", b"4", b"6", b"8"]
    assert len(read_pictures(tmp_path, 100)) == 10
