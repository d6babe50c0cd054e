"""Memory of every process of a server."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_MIB = 2**20


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
    """Return the memory of a server and its descendants, by name."""
    found: dict[str, int] = {}
    named = []
    root = psutil.Process(server)
    for process in sorted([root, *root.children(recursive=True)], key=lambda one: one.pid):
        with contextlib.suppress(psutil.Error):  # it ended meanwhile
            model, memory = _name(process.cmdline()), process.memory_full_info()
            count = found[model] = found.get(model, -1) + 1
            name = model if model == "tritonserver" else f"{model} {count}"
            named.append(Usage(name, process.pid, memory.pss / _MIB, memory.rss / _MIB))
    return sorted(named, key=lambda usage: usage.name)


def _name(words: Sequence[str]) -> str:
    if words and Path(words[0]).name == "tritonserver":
        return "tritonserver"
    instance = next((match[1] for word in words if (match := re.fullmatch(r"(\w+?)_\d+_\d+", word))), None)
    folder = next((match[1] for word in words if (match := re.search(r"/(\w+)/\d+(/model\.py)?$", word))), None)
    return instance or folder or (Path(words[0]).name if words else "ended")
