"""CPU time of a server and of all processes that it started."""

from __future__ import annotations

import contextlib
import os

import psutil


def cpu_seconds(group: int) -> float:
    """Return the CPU seconds that a process group has used, ended children included.

    Args:
        group: id of the process group, which for a `Server` is its `pid`.
    """
    seconds = 0.0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):  # it ended meanwhile
            if os.getpgid(process.pid) == group:
                seconds += sum(process.cpu_times()[:4])  # user, system, and both of ended children
    return seconds
