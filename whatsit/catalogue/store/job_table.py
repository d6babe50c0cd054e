"""Jobs of one catalogue: what runs in a process of its own, and how far it is."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from whatsit.catalogue.store.store import Store

JobState = Literal["running", "done", "failed", "stopped"]
_COLUMNS = "job, kind, subject, state, done, total, note, who, pid, started, finished, error, report"
_SECONDS = 0.3  # between two writes of a job's progress
# In the command line of a job's process, and of the gateway, which has a job until it has started the process.
_PROGRAMS = (b"_job import main", b"whatsit.gateway")


@dataclass(frozen=True)
class Job:
    """One job.

    Args:
        job: its number.
        kind: `refresh` or `import`.
        subject: name of the queue, or of the import.
        state: now; a job whose process ended without a word is `stopped`.
        done: steps done.
        total: steps in all, 0 while that is not known.
        note: what is being done.
        who: started it.
        pid: of its process.
        started: UTC, ISO 8601.
        finished: None while it runs.
        error: the sentence of a failure.
        report: its outcome.
    """

    job: int
    kind: str
    subject: str
    state: JobState
    done: int
    total: int
    note: str
    who: str
    pid: int | None
    started: str
    finished: str | None
    error: str | None
    report: dict[str, Any] | None

    def to_record(self) -> dict[str, Any]:
        """Return the job as a JSON object."""
        names = ("job", "kind", "state", "done", "total", "note", "who", "started", "finished", "error", "report")
        return {**{name: getattr(self, name) for name in names}, "queue": self.subject}


class JobTable:
    """The jobs of one store.

    Args:
        store: the catalogue.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._written = 0.0

    def open(self, kind: str, subject: str, who: str) -> tuple[Job, bool]:
        """Return the running job of a subject or a new one, and whether it is new."""
        with self._store.transaction() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM jobs WHERE kind = ? AND subject = ? ORDER BY job DESC LIMIT 1", (kind, subject)
            ).fetchone()
            if row is not None and (known := _job(row)).state == "running":
                return known, False
            connection.execute("UPDATE jobs SET state = 'stopped' WHERE kind = ? AND subject = ? AND state = 'running'",
                               (kind, subject))  # fmt: skip
            number = connection.execute(
                "INSERT INTO jobs (kind, subject, state, who, pid, started) VALUES (?,?,'running',?,?,?)",
                (kind, subject, who, os.getpid(), _now()),
            ).lastrowid
            row = connection.execute(f"SELECT {_COLUMNS} FROM jobs WHERE job = ?", (number,)).fetchone()
        return _job(row), True

    def take(self, job: int, pid: int) -> None:
        """Record the process that does the job."""
        self._set(job, pid=pid)

    def progress(self, job: int, done: int, total: int, note: str = "", always: bool = False) -> None:
        """Record how far a job is, a few times a second at most."""
        now = time.monotonic()
        if always or now - self._written >= _SECONDS:
            self._written = now
            self._set(job, done=done, total=total, note=note)

    def finish(self, job: int, report: Mapping[str, Any]) -> None:
        """Record the outcome of a job."""
        self._set(job, state="done", finished=_now(), note="", report=json.dumps(dict(report)))

    def fail(self, job: int, sentence: str) -> None:
        """Record why a job ended."""
        self._set(job, state="failed", finished=_now(), error=sentence)

    def stop(self, job: int) -> None:
        """End the process of a job that runs; what it did stays."""
        found = self.get(job)
        if found is None or found.state != "running":
            return
        if found.pid and found.pid != os.getpid():  # and alive, so that it is no other process of this number
            with suppress(OSError):
                os.kill(found.pid, signal.SIGTERM)
        self._set(job, state="stopped", finished=_now())

    def get(self, job: int) -> Job | None:
        """Return a job, None for no such number."""
        with self._store.snapshot() as connection:
            row = connection.execute(f"SELECT {_COLUMNS} FROM jobs WHERE job = ?", (job,)).fetchone()
        return None if row is None else _job(row)

    def latest(self, kind: str) -> dict[str, Job]:
        """Return subject -> the latest job of this kind."""
        with self._store.snapshot() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM jobs WHERE job IN (SELECT max(job) FROM jobs WHERE kind = ? GROUP BY subject)",
                (kind,),
            ).fetchall()
        return {job.subject: job for job in map(_job, rows)}

    def _set(self, job: int, **values: Any) -> None:
        names = ", ".join(f"{name} = ?" for name in values)
        with self._store.transaction() as connection:
            connection.execute(f"UPDATE jobs SET {names} WHERE job = ? AND state != 'stopped'", (*values.values(), job))


def _job(row: tuple[Any, ...]) -> Job:
    record = dict(zip(_COLUMNS.split(", "), row, strict=True))
    if record["state"] == "running" and not _is_alive(record["pid"]):
        record["state"] = "stopped"
    report = record["report"]
    return Job(**{**record, "report": None if report is None else json.loads(report)})


def _is_alive(pid: int | None) -> bool:
    """Return whether a job's process runs.

    After a restart of the machine another process may have its number.
    """
    if pid is None or pid == os.getpid():
        return pid is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # of another user
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()  # empty where it ended and is not waited for
    except OSError:
        return not Path("/proc/self").exists()  # ended just now, or a system without /proc
    return any(program in command for program in _PROGRAMS)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
