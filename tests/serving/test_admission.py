"""Pictures in flight are counted over processes, and the first step waits for its turn."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from whatsit.serving import admission
from whatsit.serving.admission import Admission, InFlight


def test_counts_of_many_processes_add_up(tmp_path: Path) -> None:
    file = tmp_path / "counts"
    first, last = InFlight("decode_0_0", file), InFlight("retrieval_0_0", file)
    first.begin(3)
    last.end()
    assert (first.count(), last.count()) == (2, 2)
    assert InFlight("decode_0_0", file).count() == 0  # started again: what it had counted is no more
    last.end(7)  # calls of a single step from outside
    assert first.count() == 0
    first.begin()
    assert last.count() == 1


def test_the_first_step_waits_for_its_turn(tmp_path: Path) -> None:
    file = tmp_path / "counts"
    first, last = InFlight("decode_0_0", file), InFlight("retrieval_0_0", file)
    first.begin(2)
    first.wait(3)
    waiting = threading.Thread(target=first.wait, args=(2,))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    last.end()
    waiting.join(120)
    assert not waiting.is_alive()


def test_who_waits_is_woken_when_a_picture_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_POLL_INTERVAL", 1e6)
    file = tmp_path / "counts"
    first, last = InFlight("decode_0_0", file), InFlight("retrieval_0_0", file)
    for _ in range(70_000):  # more than the FIFO holds, while nobody waits
        last.end()
    first.begin(70_002)
    waiting = threading.Thread(target=first.wait, args=(2,), daemon=True)
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    last.end()
    waiting.join(120)
    assert not waiting.is_alive()


class Clock:
    """Stands in for `time` and `select`: a wait on the FIFO lets so many seconds pass."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.polls = 0
        monkeypatch.setattr(admission.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(admission.select, "select", self._select)

    def _select(self, read: list[int], write: list[int], failed: list[int], seconds: float) -> tuple[list[int], ...]:
        self.polls += 1
        self.now += seconds
        return [], [], []


def test_pictures_that_never_end_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, clock = InFlight("decode_0_0", tmp_path / "counts"), Clock(monkeypatch)
    first.begin(5)
    first.wait(5)
    assert clock.now >= admission._LOST_AFTER
    assert first.count() == 0


def test_calls_of_the_first_step_alone_wait_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, last = InFlight("decode_0_0", tmp_path / "counts"), InFlight("retrieval_0_0", tmp_path / "counts")
    clock = Clock(monkeypatch)
    last.end()
    polls = []
    for _ in range(3):
        first.begin(6)
        before = clock.polls
        first.wait(5)
        polls.append(clock.polls - before)
    assert polls[0] > 0
    assert polls[1:] == [0, 0]
    first.begin(6)
    last.end()  # pictures of an ensemble again: now there is something to wait for
    before = clock.polls
    first.wait(5)
    assert clock.polls > before


def test_each_call_ends_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_FOLDER", tmp_path)
    steps = {name: Admission(name, name) for name in ("decode", "regions", "retrieval")}
    counting = steps["decode"]._in_flight
    assert counting is not None
    outputs = {"identify": {"GATED", "CROPS"}, "embed": {"CROPS", "BOXES"}, "detect": {"BOXES"}}
    for ensemble, wanted in outputs.items():
        for failing in (None, *steps):
            for name, step in steps.items():
                if name == "retrieval" and ensemble != "identify":
                    break
                step.enter()
                step.leave(frozenset(wanted) if name == "regions" else frozenset(), failed=name == failing)
                if name == failing:
                    break
            assert counting.count() == 0, (ensemble, failing)
    Admission("catalogue", "catalogue").leave(frozenset(), failed=True)
