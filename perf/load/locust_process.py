"""Runs Locust headless in a process of its own and reads what it recorded."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from whatsit_client.errors import WhatsitError

from perf.common.setting import ROOT
from perf.load.outcomes import Outcome, read_outcomes

FILE = ROOT / "perf" / "load" / "locustfile.py"
_STOP = 60  # seconds for open calls to end; Locust waits for them, since cancelled gRPC calls crash Triton 2.51


@dataclass(frozen=True)
class Target:
    """Where the load goes.

    Args:
        http: host:port.
        grpc: host:port.
        photos: folder of pictures to send.
    """

    http: str
    grpc: str
    photos: Path


@dataclass(frozen=True)
class Run:
    """One run of Locust.

    Args:
        outcomes: of all calls.
        met: whether its requirements were met.
        said: what Locust printed.
    """

    outcomes: list[Outcome]
    met: bool
    said: str


def run_locust(
    target: Target,
    shape: str,
    rate: float,
    seconds: float,
    peak: float = 0.0,
    slo: tuple[float, float, float] = (1e9, 1.0, 1.0),
    html: Path | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> Run:
    """Put a load on a server; stopped early, it leaves no process.

    Args:
        target: the server.
        shape: steady, steps, spike, soak or closed.
        rate: calls a second; of a closed shape the number of callers.
        seconds: how long.
        peak: calls a second at most.
        slo: p99 of identify in ms, share of failures, share of refusals.
        html: file for Locust's own report.
        meanwhile: called once a second.

    Raises:
        WhatsitError: Locust recorded nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        record, log = Path(folder, "calls.csv"), Path(folder, "log")
        options: dict[str, object] = {
            "host": f"http://{target.http}", "grpc-url": target.grpc, "photos": target.photos, "shape": shape,
            "rate": rate, "seconds": seconds, "peak": peak, "stop-timeout": _STOP, "record": record,
            "slo-p99-ms": slo[0], "slo-failures": slo[1], "slo-refused": slo[2],
        }  # fmt: skip
        if html is not None:
            options["html"] = html
        command = [sys.executable, "-m", "locust", "-f", str(FILE), "--headless", "--only-summary"]
        command += [f"--{name}={value}" for name, value in options.items()]
        with log.open("wb") as file:
            process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, cwd=ROOT)
            try:
                code = _wait(process, seconds + _STOP + 60, meanwhile)
            finally:
                _stop(process)
        said = log.read_text(errors="replace")
        if not record.is_file():
            raise WhatsitError(f"Locust recorded nothing; it said: {said[-500:]}")
        return Run(read_outcomes(record), code == 0, said)


def _wait(process: subprocess.Popen[bytes], limit: float, meanwhile: Callable[[], None]) -> int | None:
    """Return the exit code, None where it did not end in time."""
    ends = time.monotonic() + limit
    while process.poll() is None and time.monotonic() < ends:
        time.sleep(1.0)
        meanwhile()
    return process.poll()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End it in order, so that no open gRPC call is cancelled; then by force."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP + 10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
