"""Supervisor of a Triton: replaces dead steps and starts a fallen server again."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from whatsit_client.errors import WhatsitError

from whatsit.server.launcher import Server
from whatsit.server.step_processes import StepProcess, step_processes

# Triton's own handler of these signals allocates memory. After a corrupt heap it waits for a lock for ever.
_FATAL = re.compile(r"^Signal \((?:4|6|7|8|11)\) received", re.MULTILINE)
_LOADS = 3  # of one step in a row that leave it without all of its processes, until the whole server is restarted


@dataclass(frozen=True)
class State:
    """State of a server.

    Args:
        name: "degraded" answers, but some requests fail until the processes of a step are replaced.
        reason: one sentence; "" where there is nothing to say.
    """

    name: Literal["starting", "ready", "degraded", "stopped"]
    reason: str = ""


class Backoff:
    """Delays between attempts: none for the first two, then doubled from 1 second.

    Args:
        limit: longest delay in seconds.
        quiet: seconds between a success and the next attempt after which that one is the first again.
    """

    def __init__(self, limit: float = 4.0, quiet: float = 2.0) -> None:
        self._limit, self._quiet = limit, quiet
        self._attempts = 0
        self._succeeded = float("inf")

    def delay(self) -> float:
        """Count an attempt; seconds to wait before it."""
        self._attempts = 1 if time.monotonic() - self._succeeded > self._quiet else self._attempts + 1
        self._succeeded = float("inf")
        return 0.0 if self._attempts <= 2 else min(2.0 ** min(self._attempts - 3, 16), self._limit)

    def succeed(self) -> None:
        """Note that an attempt succeeded just now."""
        self._succeeded = time.monotonic()


class Supervisor:
    """A server that is watched by a thread, as a context manager.

    A step's process that died is noticed within `interval` and replaced, together with the other processes of that
    step, while those serve; other steps are left alone. A Triton that a signal ended, that hangs after one, or that
    has not answered for `silence` seconds is started again on the same ports. A Triton that ended by itself is not.

    Args:
        server: not started; the supervisor starts and stops it.
        changed: called with every new state, from the thread that made it.
        interval: seconds between two looks.
        silence: seconds without an answer after which Triton counts as hanging.
        drain: seconds that replaced processes have for requests that they still hold. Triton 2.51 ends them itself, but
            for those of a step that lost a request with the dead process.

    Example:
        >>> with Supervisor(Server(Path("demo/catalogue")), print) as supervisor:  # doctest: +SKIP
        ...     supervisor.wait()
    """

    def __init__(
        self,
        server: Server,
        changed: Callable[[State], None] | None = None,
        interval: float = 0.25,
        silence: float = 20.0,
        drain: float = 15.0,
    ) -> None:
        self.server = server
        self._changed, self._interval, self._silence, self._drain = changed, interval, silence, drain
        self._state = State("starting")
        self._steps: list[StepProcess] = []
        self._expected: Counter[str] = Counter()
        self._retired: dict[int, tuple[float, StepProcess]] = {}  # by process id, with the time
        self._answered = time.monotonic()
        self._restarts = Backoff()
        self._loads: defaultdict[str, Backoff] = defaultdict(Backoff)
        self._stopping, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="whatsit-supervisor", daemon=True)

    def state(self) -> State:
        """Return the current state."""
        return self._state

    def start(self, waiting: Callable[[float], None] | None = None) -> Supervisor:
        """Start the server, wait until it is ready, and watch it.

        Args:
            waiting: called a few times a second with the seconds waited so far.

        Raises:
            WhatsitError: see `Server`; nothing is watched then.
        """
        self.server.start(waiting)
        self._observe()
        self._set("ready")
        self._thread.start()
        return self

    def wait(self) -> State:
        """Block until the server is stopped for good; its last state."""
        self._ended.wait()
        return self._state

    def stop(self, grace: float = 15.0) -> None:
        """Stop the server and the watching; does nothing when both are stopped.

        Args:
            grace: seconds for open requests to end before Triton's processes are killed.
        """
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5)  # a start is given up at once; a load is cut short by the next line
        self.server.stop(grace)
        if self._thread.is_alive():
            self._thread.join()
        if not self._ended.is_set():
            self._set("stopped", self._state.reason if self._state.name == "stopped" else "")
            self._ended.set()

    def __enter__(self) -> Supervisor:
        return self if self._thread.is_alive() else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _set(self, name: Literal["starting", "ready", "degraded", "stopped"], reason: str = "") -> None:
        self._state = State(name, reason)
        if self._changed and not self._stopping.is_set():
            self._changed(self._state)

    def _run(self) -> None:
        try:
            while not self._stopping.wait(self._interval):
                self._look()
        except _Stopped:
            pass
        except Exception as error:  # nothing would watch the server any more
            self._end(f"The server is stopped, for watching it failed: {type(error).__name__}: {error}")

    def _end(self, reason: str) -> None:
        try:
            log = self.server.log[-2000:]
            self.server.stop()
            self._set("stopped", f"{reason}; the end of its log:\n{log}" if log else reason)
        finally:  # nothing watches the server any more: who waits for its end must not wait for ever
            self._stopping.set()
            self._ended.set()

    def _look(self) -> None:
        """Look once at Triton and at the processes of its steps."""
        code = self.server.exit_code
        if code is not None and code >= 0:
            self._end(f"Triton ended by itself with exit code {code}")
        elif code is not None:
            self._restart(f"Triton was ended by signal {-code}")
        elif dead := [step for step in self._steps if not step.is_alive()]:
            if self.server.exit_code is None:  # else they ended with it
                self._replace({step.model for step in dead})
        elif reason := self._hangs():
            self._restart(reason)
        else:
            self._end_retired()
            self._follow_pairs()

    def _follow_pairs(self) -> None:
        """Load and unload the models of embedders that are rolled out."""
        change = self.server.follow_pairs()
        if change is None:
            return
        now = time.monotonic()
        self._retired |= {step.pid: (now, step) for step in self._steps if step.model in change.unloaded}
        self._take_stock()
        for model in change.unloaded:
            del self._expected[model]
        for model in change.loaded:
            self._expected[model] = sum(step.model == model for step in self._steps)
        self._answered = now
        if change.notice:
            self._set("ready", change.notice)

    def _hangs(self) -> str:
        """The sentence on a Triton that runs and does not answer; "" for one that does."""
        if self.server.is_live():
            self._answered = time.monotonic()
            return ""
        if fatal := _FATAL.search(self.server.log):
            return f"Triton hangs after {fatal[0].split(' received')[0].lower()}"
        silent = time.monotonic() - self._answered
        return f"Triton has not answered for {silent:.0f} s" if silent > self._silence else ""

    def _replace(self, models: set[str]) -> None:
        """Load the steps with dead processes again; restart the server where that fails."""
        begin = time.monotonic()
        lost = [f"{model} lost {self._missing(model)} of {self._expected[model]} processes" for model in sorted(models)]
        self._set("degraded", f"{'; '.join(lost)}: starting new ones.")
        self._pause(max(self._loads[model].delay() for model in models))
        try:
            for model in sorted(models):
                self._load(model)
                self._loads[model].succeed()
        except WhatsitError as error:
            if self.server.exit_code is None and not self._stopping.is_set():
                self._restart(str(error).rstrip("."), grace=5.0)
            return
        took = time.monotonic() - begin
        self._set("ready", f"All processes of {', '.join(sorted(models))} run again after {took:.1f} s.")

    def _load(self, model: str) -> None:
        for _ in range(_LOADS):
            now = time.monotonic()
            self._retired |= {step.pid: (now, step) for step in self._steps if step.model == model}
            self.server.load(model)
            self._take_stock()
            if not self._missing(model):
                return
        raise WhatsitError(f"The step {model} loses its processes as soon as they start.")

    def _end_retired(self) -> None:
        for pid, (since, step) in list(self._retired.items()):
            if not step.is_alive():
                del self._retired[pid]
            elif time.monotonic() - since > self._drain:
                step.kill()

    def _missing(self, model: str) -> int:
        return self._expected[model] - sum(step.model == model and step.is_alive() for step in self._steps)

    def _restart(self, reason: str, grace: float = 0.0) -> None:
        """Start the server again until it is ready."""
        begin = time.monotonic()
        self._set("starting", f"{reason}; starting it again.")
        while True:
            self.server.stop(grace)
            self._pause(self._restarts.delay())
            try:
                self.server.start(lambda _: self._pause(0))
                break
            except (WhatsitError, OSError) as error:
                self._set("starting", f"Triton could not be started again: {str(error).rstrip('.')}; trying on.")
        self._observe()
        self._set("ready", f"Triton is ready again after {time.monotonic() - begin:.1f} s.")

    def _pause(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise _Stopped

    def _observe(self) -> None:
        """Take the processes of a server that is ready now for what there should be."""
        self._restarts.succeed()
        self._retired = {}
        self._take_stock()
        self._expected = Counter(step.model for step in self._steps)
        self._answered = time.monotonic()

    def _take_stock(self) -> None:
        pid = self.server.pid
        found = step_processes(pid) if pid else []
        self._steps = [step for step in found if step.pid not in self._retired]


class _Stopped(Exception):
    """The supervisor is being stopped."""
