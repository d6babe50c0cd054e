"""The one load generator, a process of its own.

Each of its callers sends the next picture when it has the reply to the last one. Reads one job, a JSON line, from
standard input; writes one JSON line. It needs the standard library alone, so it starts at once.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from perf.common.processes import cpu_seconds, tree
from perf.identify.callers import CALLERS, Caller


@dataclass(frozen=True)
class Job:
    """One point to measure.

    Args:
        kind: of caller, a name of `CALLERS`.
        host: of the server.
        port: of the server.
        path: that is posted to.
        pid: root of the server's processes.
        folder: with the pictures.
        callers: requests in flight.
        warm: seconds before counting begins.
        seconds: that are counted.
    """

    kind: str
    host: str
    port: int
    path: str
    pid: int
    folder: str
    callers: int
    warm: float
    seconds: float


@dataclass(frozen=True)
class Point:
    """What was measured.

    Args:
        latencies: of the replies inside the counted time, milliseconds.
        rate: of them, per second.
        cpu: the server's processes' milliseconds per picture.
        own_cpu: the generator's milliseconds per picture.
        mean_of_all: milliseconds, of every reply, those before the counted time too.
        replies: how many those were.
        failures: requests that were not answered with 200.
    """

    latencies: list[float]
    rate: float
    cpu: float
    own_cpu: float
    mean_of_all: float
    replies: int
    failures: int


async def measure(job: Job) -> Point:
    """Load the server as the job says."""
    files = sorted(path for path in Path(job.folder).iterdir() if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    pictures = [path.read_bytes() for path in files]
    ends: list[float] = []
    took: list[float] = []
    failures = 0
    begin = time.perf_counter()
    counted, end = begin + job.warm, begin + job.warm + job.seconds

    async def call(caller: Caller, first: int) -> None:
        nonlocal failures
        number = first
        while (sent := time.perf_counter()) < end:
            try:
                await caller(pictures[number % len(pictures)])
            except Exception as error:
                failures += 1
                print(f"generator: {error}", file=sys.stderr)
                if failures > 20 + len(took):
                    return
                continue
            done = time.perf_counter()
            ends.append(done)
            took.append(done - sent)
            number += job.callers

    async def spent() -> tuple[float, float]:
        pids = tree(job.pid)
        await asyncio.sleep(max(0.0, counted - time.perf_counter()))
        before, own = cpu_seconds(pids), time.process_time()
        await asyncio.sleep(max(0.0, end - time.perf_counter()))
        return cpu_seconds(pids) - before, time.process_time() - own

    callers = [CALLERS[job.kind](job.host, job.port, job.path) for _ in range(job.callers)]
    (cpu, own), *_ = await asyncio.gather(spent(), *(call(caller, at) for at, caller in enumerate(callers)))
    for caller in callers:
        caller.close()
    inside = [1000 * one for one, done in zip(took, ends, strict=True) if counted <= done < end]
    count = max(len(inside), 1)
    mean = 1000 * sum(took) / max(len(took), 1)
    return Point(inside, len(inside) / job.seconds, 1000 * cpu / count, 1000 * own / count, mean, len(took), failures)


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(measure(Job(**json.loads(sys.stdin.readline())))))))
