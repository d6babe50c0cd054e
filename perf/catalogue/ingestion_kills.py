"""SIGKILLs at random moments of `whatsit catalogue add`, and its resumption."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from perf.catalogue.ingestion_memory import items_in

KILL_COLUMNS = ["kill", "catalogue", "seconds_into_the_run", "items_before", "items_after", "equal_after_resuming"]
_TIMES = ("added", "updated")


def kills(work: Path, source: Path, times: int, workers: int, seed: int) -> Iterator[list[Any]]:
    """Kill runs at random moments, resume them, compare with an undisturbed run.

    A catalogue is killed and resumed until a run of it comes to its end; then the next one is begun.

    Yields:
        Per kill what `KILL_COLUMNS` names.
    """
    moments = random.Random(seed)
    undisturbed = work / "undisturbed"
    began = time.monotonic()
    _add(undisturbed, source, workers).wait()
    whole = time.monotonic() - began
    expected = tables(undisturbed)
    assert items_in(undisturbed), "the undisturbed run added nothing"
    done, number = 0, 0
    while done < times:
        number += 1
        catalogue = work / f"killed-{number}"
        lost: list[list[Any]] = []
        while True:
            before = items_in(catalogue)
            process = _add(catalogue, source, workers)
            after = moments.uniform(0.1, 1.0) * whole
            if done + len(lost) < times and _killed(process, after):
                lost.append([done + len(lost) + 1, number, round(after, 2), before, items_in(catalogue)])
                continue
            if process.wait():
                raise subprocess.CalledProcessError(process.returncode, "whatsit catalogue add")
            break
        same = tables(catalogue) == expected
        done += len(lost)
        yield from ([*one, same] for one in lost)


def tables(catalogue: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all tables of a catalogue without times of day."""
    found = {}
    with closing(sqlite3.connect(catalogue / "catalogue.sqlite")) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name != 'settings'"
            )
        ]
        for name in names:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})") if row[1] not in _TIMES]
            found[name] = sorted(connection.execute(f"SELECT {', '.join(columns)} FROM {name}"), key=repr)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return found


def _add(catalogue: Path, source: Path, workers: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "whatsit.cli", "catalogue", "add", str(catalogue), str(source)]
    return subprocess.Popen([*command, "--workers", str(workers)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _killed(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it still ran then."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False
