"""CPU time of a server and of all processes that it started."""

from __future__ import annotations

import os
from pathlib import Path

_GROUP, _TIMES = 2, slice(11, 15)  # fields of /proc/PID/stat after the name: pgrp; utime, stime, cutime, cstime


def cpu_seconds(group: int) -> float:
    """CPU seconds that a process group has used so far, ended children counted; 0 where the system has no /proc.

    Args:
        group: id of the process group, which for a `Server` is its `pid`.
    """
    ticks = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(fields[_GROUP]) == group:
            ticks += sum(map(int, fields[_TIMES]))
    return ticks / os.sysconf("SC_CLK_TCK")
