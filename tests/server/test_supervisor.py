"""Supervision of a server: what falls is started again, and nobody else is."""

from __future__ import annotations

import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from whatsit_client.errors import Unavailable

from whatsit.server import supervisor as module
from whatsit.server.launcher import Server
from whatsit.server.ports import Ports
from whatsit.server.step_processes import StepProcess, step_processes
from whatsit.server.supervisor import Backoff, State, Supervisor

STEPS = ("catalogue", "classifier", "decode", "detector", "embedder", "regions", "retrieval")


def until(condition: Callable[[], bool], seconds: float = 120.0) -> bool:
    """Wait for a condition; False where it does not come true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


class Child:
    """A step's process."""

    def __init__(self, model: str, pid: int) -> None:
        self.model, self.pid, self.alive = model, pid, True

    def is_alive(self) -> bool:
        return self.alive

    def kill(self) -> None:
        self.alive = False


class FakeServer:
    """A server of two steps with two processes each."""

    def __init__(self) -> None:
        self.pid, self.exit_code, self.log, self.live = 1, None, "", True
        self.starts = self.stops = 0
        self.loads: list[str] = []
        self.start_errors: list[Exception] = []
        self.load_error: Exception | None = None
        self.children: list[Child] = []
        self.follow_pairs: Callable[[], None] = lambda: None

    def start(self, waiting: Callable[[float], None] | None = None) -> FakeServer:
        self.starts += 1
        if self.start_errors:
            raise self.start_errors.pop()
        self.exit_code, self.log, self.live = None, "", True  # type: ignore[assignment]  # an int or None
        self.children = [Child(model, 10 * self.starts + i) for i, model in enumerate(("a", "a", "b", "b"))]
        if waiting:
            waiting(0.1)
        return self

    def stop(self, grace: float = 15.0) -> None:
        self.stops += 1

    def is_live(self) -> bool:
        return self.live

    def load(self, model: str) -> None:
        self.loads.append(model)
        if self.load_error:
            raise self.load_error
        self.children += [Child(model, 1000 + 10 * len(self.loads) + i) for i in range(2)]  # the old ones still end


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    server = FakeServer()
    monkeypatch.setattr(module, "step_processes", lambda _: [child for child in server.children if child.alive])
    return server


@pytest.fixture
def states() -> list[State]:
    return []


@pytest.fixture
def watched(fake: FakeServer, states: list[State]) -> Iterator[Supervisor]:
    with Supervisor(fake, states.append, interval=0.01, silence=0.2, drain=0.3) as one:  # type: ignore[arg-type]  # a fake
        yield one


def seen(states: list[State], *words: str) -> bool:
    """Whether some state's name or reason holds each of the words."""
    return all(any(word in f"{state.name} {state.reason}" for state in states) for word in words)


def test_a_server_that_is_well_is_left_alone(watched: Supervisor, fake: FakeServer, states: list[State]) -> None:
    time.sleep(0.5)
    assert states == [State("ready")]
    assert (fake.starts, fake.loads) == (1, [])


def test_only_the_step_that_lost_a_process_is_loaded(
    watched: Supervisor, fake: FakeServer, states: list[State]
) -> None:
    fake.children[0].alive = False
    assert until(lambda: seen(states, "a lost 1 of 2 processes", "run again"))
    assert fake.loads == ["a"]
    assert until(lambda: not fake.children[1].alive)  # Triton 2.51 leaves it where a request was lost
    time.sleep(0.2)
    assert fake.loads == ["a"]
    assert [child.model for child in fake.children if child.alive] == ["b", "b", "a", "a"]
    assert watched.state().name == "ready"
    assert fake.starts == 1


def test_where_loading_fails_the_whole_server_starts_again(
    watched: Supervisor, fake: FakeServer, states: list[State]
) -> None:
    fake.load_error = Unavailable("The step a could not be loaded again: no memory.")
    fake.children[0].alive = False
    assert until(lambda: seen(states, "no memory; starting it again", "ready again"))
    assert fake.starts == 2


def test_triton_ended_by_a_signal_starts_again_and_failures_are_retried(
    watched: Supervisor, fake: FakeServer, states: list[State]
) -> None:
    fake.start_errors = [Unavailable("There is no catalogue."), OSError("No space left on device")]
    fake.exit_code = -9  # type: ignore[assignment]  # an int or None
    assert until(lambda: seen(states, "ended by signal 9", "No space left", "no catalogue; trying", "ready again"))
    assert fake.starts == 4
    assert watched.state().name == "ready"


def test_triton_that_ended_by_itself_is_not_started_again(watched: Supervisor, fake: FakeServer) -> None:
    fake.log = "the last line"
    fake.exit_code = 1  # type: ignore[assignment]  # an int or None
    state = watched.wait()
    assert (state.name, fake.starts) == ("stopped", 1)
    assert "exit code 1" in state.reason
    assert "the last line" in state.reason
    watched.stop()
    assert watched.state() == state


@pytest.mark.parametrize(("log", "words"), [("x\nSignal (6) received.\n", "signal (6)"), ("", "not answered")])
def test_triton_that_hangs_is_started_again(
    watched: Supervisor, fake: FakeServer, states: list[State], log: str, words: str
) -> None:
    fake.log, fake.live = log, False
    assert until(lambda: seen(states, words, "ready again"))
    assert fake.starts == 2


def test_stopping_gives_up_a_start(watched: Supervisor, fake: FakeServer, states: list[State]) -> None:
    fake.start_errors = [Unavailable("Not yet.")] * 1000
    fake.exit_code = -11  # type: ignore[assignment]  # an int or None
    assert until(lambda: seen(states, "Not yet"))
    watched.stop()
    assert watched.state().name == "stopped"
    assert watched.wait().name == "stopped"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_waiting_ends_where_the_end_cannot_be_reported(fake: FakeServer) -> None:
    def changed(state: State) -> None:
        if state.name == "stopped":
            raise OSError("No space left on device")

    with Supervisor(fake, changed, interval=0.01) as one:  # type: ignore[arg-type]  # a fake
        fake.exit_code = 0  # type: ignore[assignment]  # an int or None
        assert until(one._ended.is_set, 10)


def test_attempts_that_fail_come_at_longer_intervals() -> None:
    backoff = Backoff(limit=5.0, quiet=0.0)
    assert [backoff.delay() for _ in range(7)] == [0.0, 0.0, 1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.succeed()
    time.sleep(0.01)
    assert [backoff.delay() for _ in range(3)] == [0.0, 0.0, 1.0]


def test_successes_that_do_not_last_count_as_failures() -> None:
    backoff = Backoff(quiet=3600.0)
    delays = []
    for _ in range(4):
        delays.append(backoff.delay())
        backoff.succeed()
    assert delays == [0.0, 0.0, 1.0, 2.0]


class Load:
    """Two callers of `identify`; the status of each call is counted."""

    def __init__(self, server: Server, picture: Path) -> None:
        self.server, self._picture = server, picture.read_bytes()
        self.good_in_a_row = 0
        self.statuses: Counter[int] = Counter()
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(2)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)

    def _run(self) -> None:
        while not self._stop.is_set():
            status = identify(self.server, self._picture)
            with self._lock:
                self.statuses[status] += 1
                self.good_in_a_row = self.good_in_a_row + 1 if status == 200 else 0

    def recovers(self) -> bool:
        """Whether 40 calls in a row that begin from now on succeed eventually."""
        with self._lock:
            self.good_in_a_row = -len(self._threads)
        return until(lambda: self.good_in_a_row >= 40)


def identify(server: Server, picture: bytes) -> int:
    """The HTTP status of a call; 0 where nobody answers."""
    headers = {**server.restricted_headers, "Inference-Header-Content-Length": "0"}
    request = urllib.request.Request(f"http://{server.http_url}/v2/models/identify/infer", picture, headers)
    request.add_header("Content-Type", "application/octet-stream")
    try:
        with urllib.request.urlopen(request, timeout=120) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        time.sleep(0.05)
        return 0


@pytest.fixture(scope="module")
def real(catalogue: Path) -> Iterator[Supervisor]:
    """A closed Triton and its supervisor."""
    with Supervisor(Server(catalogue, ports=Ports(0, 0, 0), closed=True), drain=2.0) as one:
        yield one


def steps(supervisor: Supervisor) -> list[StepProcess]:
    assert supervisor.server.pid is not None
    return step_processes(supervisor.server.pid)


def gone(supervisor: Supervisor, pids: set[int]) -> bool:
    return not pids & {step.pid for step in steps(supervisor)}


@pytest.mark.triton
def test_every_step_survives_the_end_of_a_process(real: Supervisor, shop: Path) -> None:
    picture = sorted((shop / "images").glob("*.jpg"))[0]
    triton = real.server.pid
    with Load(real.server, picture) as load:
        assert {step.model for step in steps(real)} == set(STEPS)
        for model in STEPS:
            before = steps(real)
            victim = next(step for step in before if step.model == model)
            os.kill(victim.pid, signal.SIGKILL)
            replaced = {step.pid for step in before if step.model == model}
            assert until(partial(gone, real, replaced))
            assert until(lambda: real.state().name == "ready")
            assert load.recovers(), (model, load.statuses, real.server.log[-3000:])
            after = steps(real)
            assert Counter(step.model for step in after) == Counter(step.model for step in before)
            assert {s.pid for s in before if s.model != model} <= {s.pid for s in after}
    assert real.server.pid == triton


@pytest.mark.triton
def test_a_killed_triton_is_back_on_the_same_ports(real: Supervisor, shop: Path) -> None:
    picture = sorted((shop / "images").glob("*.jpg"))[0]
    address, triton = real.server.http_url, real.server.pid
    assert triton is not None
    with Load(real.server, picture) as load:
        os.kill(triton, signal.SIGKILL)
        assert until(lambda: real.server.pid not in (None, triton) and real.state().name == "ready")
        assert load.recovers(), load.statuses
    assert real.server.http_url == address
