"""Processor's instructions of a server, counted by Linux' `perf` while it works."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import psutil

_COMMAND = ("perf", "stat", "--field-separator", ",", "--event", "instructions:u")


@dataclass
class Count:
    """What was counted; `instructions` is None where `perf` gave nothing."""

    instructions: float | None = None


@lru_cache(maxsize=1)
def can_count() -> bool:
    """Return whether `perf` counts instructions here: not in most virtual machines."""
    if shutil.which("perf") is None:
        return False
    done = subprocess.run([*_COMMAND, "true"], capture_output=True, text=True, check=False)
    return done.returncode == 0 and parse_count(done.stderr) is not None


def parse_count(text: str) -> float | None:
    """Return the instructions in the output of `perf stat`, None where there are none."""
    for line in text.splitlines():
        cells = line.split(",")
        if len(cells) > 2 and cells[2].startswith("instructions"):
            with contextlib.suppress(ValueError):
                return float(cells[0])
    return None


@contextlib.contextmanager
def counted(group: int | None) -> Iterator[Count]:
    """Count the instructions of a process group in the block.

    Args:
        group: id of the group; None counts nothing.
    """
    count = Count()
    members = _members(group) if group is not None and can_count() else []
    if not members:
        yield count
        return
    command = [*_COMMAND, "--pid", ",".join(map(str, members))]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        yield count
    finally:
        process.send_signal(signal.SIGINT)
        count.instructions = parse_count(process.communicate(timeout=10)[1])


def _members(group: int) -> Sequence[int]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):  # it ended meanwhile
            if os.getpgid(process.pid) == group:
                found.append(process.pid)
    return found
