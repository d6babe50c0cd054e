"""The load tests' own arithmetic: courses, mixes of calls, requirements, recovery, and a stream of changes."""

from __future__ import annotations

import importlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def load() -> Any:
    return importlib.import_module


def picture(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "JPEG")
    return buffer.getvalue()


def outcomes(load: Any, *rows: tuple[float, float, str]) -> list[Any]:
    module = load("perf.load.outcomes")
    return [module.Outcome(start, "HTTP", "identify (HTTP)", ms, kind) for start, ms, kind in rows]


def test_courses(load: Any) -> None:
    rate_at = load("perf.load.pacing").rate_at
    assert [rate_at("spike", second, 100, 10, 30) for second in (0, 29, 30, 59, 60, 99)] == [10, 10, 30, 30, 10, 10]
    assert [rate_at("steps", second, 100, 10, 30) for second in (0, 20, 40, 60, 80)] == [10, 15, 20, 25, 30]
    assert rate_at("soak", 99.9, 100, 10, 30) == 10
    assert rate_at("soak", 100, 100, 10, 30) is None


def test_users_call_at_the_asked_rate_and_late_ones_at_once(load: Any) -> None:
    pacing = load("perf.load.pacing")

    class User:
        pass

    waits = [pacing.poisson(User()) for _ in range(4000)]
    assert np.mean(waits) == pytest.approx(pacing.PERIOD, rel=0.1)
    assert pacing.users_for(10) / np.mean(waits) == pytest.approx(10, rel=0.1)
    late = User()
    late.due = -1e6  # type: ignore[attr-defined]
    assert pacing.poisson(late) == 0.0


def test_the_mix_of_calls(load: Any) -> None:
    calls = load("perf.load.calls").Calls([picture(80, 60), picture(40, 90)], changing=0.2, seed=3)
    drawn = [calls.draw() for _ in range(2000)]
    changed = [call for call in drawn if call.model == "catalogue"]
    assert len(changed) / len(drawn) == pytest.approx(0.2, abs=0.04)
    assert {call.name for call in drawn} == {
        "identify", "identify boxes", "identify where", "embed", "upsert", "delete"
    }  # fmt: skip
    for call in drawn:
        if "boxes" in call.parameters:
            ((x1, y1, x2, y2),) = json.loads(call.parameters["boxes"])
            with Image.open(io.BytesIO(call.inputs["IMAGE"].tobytes())) as image:
                assert 0 <= x1 < x2 <= image.width
                assert 0 <= y1 < y2 <= image.height
    assert {call.name for call in (calls.draw_plain() for _ in range(200))} == {"identify", "embed"}
    assert not any(calls.draw_plain().parameters for _ in range(20))


def test_requirements(load: Any, tmp_path: Path) -> None:
    module = load("perf.load.outcomes")
    rows = outcomes(load, *[(float(n), float(n + 1), "ok") for n in range(98)], (98.0, 5.0, "refused"),
                    (99.0, 7.0, "failed"))  # fmt: skip
    assert module.shortcomings(rows, 98, 0.01, 0.01) == []
    assert len(module.shortcomings(rows, 97, 0.0, 0.0)) == 3
    assert module.shortcomings([], 1, 0, 0) == ["No call was made."]
    assert module.shortcomings(outcomes(load, (0.0, 1.0, "refused")), 1e9, 1, 1)  # nothing was answered
    module.write_outcomes(tmp_path / "calls.csv", rows)
    assert module.read_outcomes(tmp_path / "calls.csv") == rows


def test_recovery_after_a_spike(load: Any) -> None:
    report = load("perf.load.load_report")
    slow_until = 60 + 4.0
    rows = outcomes(load, *[(float(t), 100.0 if t < 30 or t >= slow_until else 2000.0, "ok") for t in range(100)])
    parts = report.phases("spike", rows, 0.0, 100.0)
    assert [len(part) for part in parts.values()] == [30, 30, 40]
    assert report.recovery(parts, 60.0) == pytest.approx(4.0, abs=1.0)
    never = outcomes(load, *[(float(t), 100.0 if t < 30 else 2000.0, "ok") for t in range(100)])
    assert report.recovery(report.phases("spike", never, 0.0, 100.0), 60.0) is None
    table = report.table(parts, dict.fromkeys(parts, 30.0))
    assert [row[3] for row in table if row[1] == "all"] == [30, 30, 40]


def test_a_stream_of_changes_knows_the_last_state_of_each_item(load: Any) -> None:
    vectors = [(b"picture", np.eye(1, 128, n, dtype=np.float32)[0]) for n in range(3)]
    stream = load("perf.catalogue.change_stream").Stream(vectors, seed=1)
    expected: dict[str, str] = {}
    open_changes: list[Any] = []
    for step in range(600):
        change = stream.draw()
        assert change.id not in {one.id for one in open_changes}
        assert np.linalg.norm(change.vector) == pytest.approx(1.0, abs=1e-5)
        assert (change.kind == "delete") == (change.title == "")
        open_changes.append(change)
        if len(open_changes) > 5:
            done = open_changes.pop(0)
            stream.end(done, acknowledged=step % 50 != 0)
            if step % 50 != 0:
                expected[done.id] = done.title
    assert {id: change.title for id, change in stream.acknowledged.items()} == expected
    assert {change.kind for change in stream.acknowledged.values()} == {"add", "fields", "picture", "delete"}
    assert stream.unsure


def test_memory_of_this_very_process(load: Any) -> None:
    import os

    (own,) = [usage for usage in load("perf.common.processes").usages(os.getpid()) if usage.pid == os.getpid()]
    assert 10 < own.pss <= own.rss
