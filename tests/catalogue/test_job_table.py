"""Jobs of a catalogue: which ones run, and what ends them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from whatsit.catalogue import Store
from whatsit.catalogue.store.job_table import JobTable

Start = Callable[[str], subprocess.Popen[bytes]]

_OF_A_JOB = "if 0: from whatsit.catalogue.review.refresh_job import main"


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[JobTable]:
    with Store(tmp_path / "catalogue.sqlite") as store:
        yield JobTable(store)


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a process whose program has this line in it, and wait until it runs."""
    started: list[subprocess.Popen[bytes]] = []

    def one(line: str) -> subprocess.Popen[bytes]:
        program = f"{line}\nimport time\nprint(flush=True)\ntime.sleep(600)"
        started.append(subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE))
        assert started[-1].stdout is not None
        started[-1].stdout.readline()
        return started[-1]

    yield one
    for process in started:
        process.kill()
        process.communicate()


def test_a_job_runs_as_long_as_its_process(jobs: JobTable, start: Start) -> None:
    job, new = jobs.open("refresh", "duplicates", "ann")
    assert new
    assert jobs.open("refresh", "duplicates", "bob") == (job, False)
    process = start(_OF_A_JOB)
    jobs.take(job.job, process.pid)
    assert jobs.open("refresh", "duplicates", "bob")[1] is False
    process.kill()  # and nobody waits for it
    process.wait()
    assert jobs.latest("refresh")["duplicates"].state == "stopped"
    assert jobs.open("refresh", "duplicates", "bob")[1] is True


def test_a_job_is_stopped_by_its_process(jobs: JobTable, start: Start) -> None:
    job, _ = jobs.open("refresh", "duplicates", "ann")
    process = start(_OF_A_JOB)
    jobs.take(job.job, process.pid)
    jobs.stop(job.job)
    assert process.wait(120) < 0
    found = jobs.get(job.job)
    assert found is not None
    assert found.state == "stopped"


def test_another_process_with_the_number_of_a_job_that_ended_is_left_alone(jobs: JobTable, start: Start) -> None:
    job, _ = jobs.open("refresh", "duplicates", "ann")
    stranger = start("pass")
    jobs.take(job.job, stranger.pid)  # as after a restart of a container, which counts from 1 again
    found = jobs.get(job.job)
    assert found is not None
    assert found.state == "stopped"
    jobs.stop(job.job)
    with pytest.raises(subprocess.TimeoutExpired):
        stranger.wait(0.5)
    assert jobs.open("refresh", "duplicates", "ann")[1] is True
