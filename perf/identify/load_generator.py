"""One point of closed-loop load, in a process of its own beside the server's.

Reads one job, a JSON line, from standard input and writes one JSON line.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from perf.common.server_fixture import read_pictures
from perf.identify.callers import CALLERS, Caller
from whatsit.tuning.closed_loop import cpu_seconds, run_closed_loop

_ANSWER_WITHIN = 60.0


@dataclass(frozen=True)
class Job:
    """One point to measure.

    Args:
        kind: of caller, a name of `CALLERS`.
        address: host:port of the server.
        path: of the requests.
        pid: the server's process group.
        folder: with the pictures.
        callers: requests in flight.
        warm: seconds before counting begins.
        seconds: that are counted.
    """

    kind: str
    address: str
    path: str
    pid: int
    folder: str
    callers: int
    warm: float
    seconds: float


@dataclass(frozen=True)
class Point:
    """The measured figures of one job.

    Args:
        latencies: of the replies inside the counted time, milliseconds.
        rate: of them, per second.
        cpu: the server's processes' milliseconds per picture.
        own_cpu: the generator's milliseconds per picture.
        mean_of_all: milliseconds, of every reply, those before the counted time too.
        replies: how many those were.
        failures: requests that were not answered with 200.
        error: the last failure's sentence.
    """

    latencies: list[float]
    rate: float
    cpu: float
    own_cpu: float
    mean_of_all: float
    replies: int
    failures: int
    error: str = ""


def measure(callers: Sequence[Callable[[int], object]], warm: float, seconds: float, cpu: Callable[[], float]) -> Point:
    """Run callers for `warm + seconds` seconds and count the last `seconds`.

    Args:
        callers: called with the number of the call.
        warm: seconds before counting begins.
        seconds: that are counted.
        cpu: CPU seconds of the server so far.
    """
    begin = time.perf_counter()
    counted, end = begin + warm, begin + warm + seconds
    spent: list[tuple[float, float]] = []

    def watch() -> None:
        for moment in (counted, end):
            time.sleep(max(0.0, moment - time.perf_counter()))
            spent.append((cpu(), time.process_time()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    answered, failures = run_closed_loop(callers, lambda _: time.perf_counter() < end, warm + seconds + _ANSWER_WITHIN)
    watcher.join()
    inside = [1000 * (done - sent) for sent, done in answered if counted <= done < end]
    used, own = (1000 * (after - before) / max(len(inside), 1) for before, after in zip(*spent, strict=True))
    mean = 1000 * sum(done - sent for sent, done in answered) / max(len(answered), 1)
    last = failures[-1] if failures else ""
    return Point(inside, len(inside) / seconds, used, own, mean, len(answered), len(failures), last)


def run(job: Job) -> Point:
    """Load the server as the job says."""
    pictures = read_pictures(Path(job.folder))
    callers = [CALLERS[job.kind](job.address, job.path) for _ in range(job.callers)]

    def call(caller: Caller, turn: int) -> object:
        return caller(pictures[turn % len(pictures)])

    try:
        return measure([partial(call, one) for one in callers], job.warm, job.seconds, partial(cpu_seconds, job.pid))
    finally:
        for caller in callers:
            caller.close()


if __name__ == "__main__":
    print(json.dumps(asdict(run(Job(**json.loads(sys.stdin.readline()))))))
