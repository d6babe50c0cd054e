"""Where a figure was measured: every line of `perf/results` starts with it."""

from __future__ import annotations

import csv
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "perf" / "results"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # of this process
DEMO = ROOT / "demo"  # as `whatsit demo` makes it


@dataclass(frozen=True)
class Setting:
    """The circumstances of a measurement.

    Args:
        date: UTC.
        commit: of the code, with "+" where the working tree differs.
        processor: name of the CPU.
        cores: that this process may use.
        versions: of what was measured and with what.
    """

    date: str
    commit: str
    processor: str
    cores: int
    versions: str

    @classmethod
    def of_this_machine(cls, tool: str) -> Setting:
        """Return the setting of a measurement made now with `tool`."""
        packages = [
            f"{name} {installed_version(name) or '-'}" for name in ("nvidia-pytriton", "onnxruntime", "faiss-cpu")
        ]
        now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M")
        return cls(now, _commit(), _processor(), CORES, "; ".join([tool, *packages]))

    @classmethod
    def columns(cls) -> list[str]:
        """Names of the columns."""
        return [field.name for field in fields(cls)]

    def values(self) -> list[str | int]:
        """Their values."""
        return list(astuple(self))

    def write(self, path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Write a CSV file in which every line begins with the setting."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*self.columns(), *columns])
            writer.writerows([*self.values(), *row] for row in rows)


def installed_version(package: str) -> str:
    """Return the version of an installed package, "" where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _commit() -> str:
    git = ["git", "-C", str(ROOT)]
    try:
        name = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "-"
    return name.stdout.strip() + ("+" if changed.stdout.strip() else "")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
