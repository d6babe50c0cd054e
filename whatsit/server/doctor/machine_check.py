"""Checks of the machine: Python, cores, memory, disk, shared memory, GPU."""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from whatsit.engines.available_cores import available_cores
from whatsit.server.doctor.check_result import CheckResult, note, ok, wrong

_AREA = "machine"
_GIB = 2**30
_MEMORY = 2 * _GIB  # that a server on a CPU takes, with room for its pictures
_DISK = _GIB
_SHARED = 256 << 20  # /dev/shm, through which Triton's steps hand tensors to each other


def check_machine() -> Iterator[CheckResult]:
    """Yield what the machine is good for."""
    yield _python()
    yield from _system()
    yield _memory()
    yield _disk(Path(tempfile.gettempdir()), "temporary files")
    if sys.platform == "linux":
        yield _shared_memory()
        yield _gpu()


def _python() -> CheckResult:
    version = platform.python_version()
    if sys.version_info[:2] > (3, 12):
        return note(
            _AREA,
            f"Python {version}: numpy 1, which Triton's wheel needs, has no wheel for it",
            "Serve with Python 3.10 to 3.12; client, catalogue and training run on 3.13",
        )
    return ok(_AREA, f"Python {version}")


def _system() -> Iterator[CheckResult]:
    name, kind = platform.system(), platform.machine()
    if name != "Linux":
        yield note(
            _AREA,
            f"{name} on {kind}: Triton's wheel is for Linux",
            "Client, catalogue and `whatsit explain` run here; serve on Linux, or in NVIDIA's Triton container",
        )
    elif kind != "x86_64":
        yield note(_AREA, f"{name} on {kind}: Whatsit was tested on x86_64", "docs/platforms.md says what is known")
    cores = available_cores()
    if cores < 2:
        yield note(_AREA, "one core", "A photo takes several times as long as on four; give the server more cores")
    else:
        yield ok(_AREA, f"{name} on {kind}, {cores} cores")


def _memory() -> CheckResult:
    free, total = _free_memory()
    if total is None:
        return ok(_AREA, "memory is not measured on this system")
    words = f"{free / _GIB:.1f} of {total / _GIB:.1f} GiB of memory are free"
    if free < _MEMORY:
        return note(_AREA, words, f"A server takes about {_MEMORY / _GIB:.0f} GiB; end what is not needed")
    return ok(_AREA, words)


def _free_memory() -> tuple[float, float | None]:
    """Return free and all memory in bytes, within a container's limit."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0, None
    known = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if len(line.split()) > 1}
    free, total = known.get("MemAvailable", 0), known.get("MemTotal", 0)
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii"))
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):  # no container, or one without a limit
        return free, total
    return min(free, limit - used), min(total, limit)


def _disk(folder: Path, name: str) -> CheckResult:
    free = shutil.disk_usage(folder).free
    words = f"{free / _GIB:.1f} GiB are free in {folder} for {name}"
    return ok(_AREA, words) if free >= _DISK else wrong(_AREA, words, "Make room, or set TMPDIR to another disk")


def _shared_memory() -> CheckResult:
    try:
        usage = shutil.disk_usage("/dev/shm")
    except OSError:
        return wrong(_AREA, "there is no /dev/shm, which Triton's Python steps need", "Mount it, 1 GiB or more")
    words = f"{usage.free >> 20} MiB of shared memory are free (/dev/shm)"
    if usage.free < _SHARED:
        return wrong(_AREA, words, "Give the container more: docker run --shm-size 1g")
    return ok(_AREA, words)


def _gpu() -> CheckResult:
    if Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi"):
        return ok(_AREA, "an NVIDIA driver is here: `whatsit serve --target tensorrt` after `whatsit build`")
    return ok(_AREA, "no NVIDIA driver: networks run on the CPU")
