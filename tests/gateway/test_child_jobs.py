"""Processes of the gateway that fill review queues and import files."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from whatsit.gateway.child_jobs import ChildJobs

_JOB = """
import json, sys, time
from pathlib import Path

def main():
    Path(json.load(sys.stdin)["begun"]).touch()
    time.sleep(600)
"""


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChildJobs]:
    """Jobs that may run `long_job`."""
    (tmp_path / "long_job.py").write_text(_JOB, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    started = ChildJobs()
    yield started
    started.stop()


def _start(jobs: ChildJobs, begun: Path) -> psutil.Process:
    """Start a job in a thread that ends when the job has begun, as the gateway's threads may."""
    found: list[psutil.Process] = []

    def start() -> None:
        found.append(psutil.Process(jobs.start("long_job", {"begun": str(begun)})))
        end = time.monotonic() + 120
        while not begun.exists() and time.monotonic() < end:
            time.sleep(0.02)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert begun.exists()
    return found[0]


def test_a_job_outlives_the_thread_that_started_it(jobs: ChildJobs, tmp_path: Path) -> None:
    process = _start(jobs, tmp_path / "begun")
    assert not psutil.wait_procs([process], timeout=1.0)[0]
    assert process.status() != psutil.STATUS_ZOMBIE


def test_all_jobs_end_with_the_gateway(jobs: ChildJobs, tmp_path: Path) -> None:
    processes = [_start(jobs, tmp_path / name) for name in ("one", "two")]
    jobs.stop()
    assert not psutil.wait_procs(processes, timeout=120)[1]
