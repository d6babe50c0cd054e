"""The memory of every process of a server, as Linux counts it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Usage:
    """The memory of one process in MiB.

    Args:
        name: `tritonserver`, or a model with the number of its instance, such as `decode 0`.
        pid: of the process.
        pss: its own pages and its share of those that it shares with others.
        rss: all pages that it has in memory.
    """

    name: str
    pid: int
    pss: float
    rss: float


def usages(server: int) -> list[Usage]:
    """What the server with this process id and all its children use, by name."""
    found: dict[str, int] = {}
    named = []
    for pid in sorted([server, *_below(server)]):
        model = _name(pid)
        count = found[model] = found.get(model, -1) + 1
        sizes = _sizes(pid)
        if sizes is not None:
            named.append(Usage(model if model == "tritonserver" else f"{model} {count}", pid, *sizes))
    return sorted(named, key=lambda usage: usage.name)


def _below(pid: int) -> list[int]:
    """All processes whose session the server leads."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == os.getsid(pid) and stat.parent.name != str(pid):
            members.append(int(stat.parent.name))
    return members


def _name(pid: int) -> str:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return "ended"
    words = [argument.decode(errors="replace") for argument in arguments if argument]
    if words and Path(words[0]).name == "tritonserver":
        return "tritonserver"
    instance = next((match[1] for word in words if (match := re.fullmatch(r"(\w+?)_\d+_\d+", word))), None)
    folder = next((match[1] for word in words if (match := re.search(r"/(\w+)/\d+(/model\.py)?$", word))), None)
    return instance or folder or (Path(words[0]).name if words else "ended")


def _sizes(pid: int) -> tuple[float, float] | None:
    """PSS and RSS in MiB, None where the process has gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return None
    sizes = {name: int(kib) / 1024 for name, kib in re.findall(r"^(Pss|Rss): +(\d+) kB", text, re.MULTILINE)}
    return (sizes["Pss"], sizes["Rss"]) if len(sizes) == 2 else None
