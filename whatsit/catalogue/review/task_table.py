"""Tasks of the review queues: filled, counted and read."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from whatsit.catalogue.review.queues import QUEUES
from whatsit.catalogue.store.store import Store

BINS = 20
_SHARE = "review_sample"
_DEFAULT_SHARE = 0.05
COLUMNS = "task, queue, key, score, subject, state, sample, seconded, verdict, decision"


@dataclass(frozen=True)
class Candidate:
    """What may become a task.

    Args:
        key: names the subject; one that was asked before is not asked again.
        score: 0..1, how likely the proposal is right, or how doubtful the subject is.
        subject: ids and hashes, as JSON.
    """

    key: str
    score: float
    subject: dict[str, Any]


@dataclass(frozen=True)
class Task:
    """One task.

    Args:
        task: its number.
        queue: of `QUEUES`.
        key: see `Candidate`.
        score: see `Candidate`.
        subject: see `Candidate`.
        state: `open`, `decided`, or `gone` where its subject is no longer there.
        sample: whether two reviewers decide it.
        seconded: whether the second one has.
        verdict: that is in force.
        decision: its number in the log.
    """

    task: int
    queue: str
    key: str
    score: float
    subject: dict[str, Any]
    state: str
    sample: bool
    seconded: bool
    verdict: str | None
    decision: int | None

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Task:
        """Return the task in a row of `COLUMNS`."""
        values = dict(zip(COLUMNS.split(", "), row, strict=True))
        flags = {name: bool(values[name]) for name in ("sample", "seconded")}
        return cls(**{**values, **flags, "subject": json.loads(values["subject"])})


@dataclass
class Filled:
    """The outcome of filling a queue.

    Args:
        added: new tasks.
        known: candidates that were open or decided before.
        gone: open tasks that are no candidates any longer.
    """

    added: int = 0
    known: int = 0
    gone: int = 0


class TaskTable:
    """The tasks of one store.

    Args:
        store: the catalogue.
        draw: returns a number in 0..1; below the share a new task is in the overlap sample.
    """

    def __init__(self, store: Store, draw: Callable[[], float] = random.random) -> None:
        self._store, self._draw = store, draw

    @property
    def share(self) -> float:
        """Return the share of tasks that two reviewers decide."""
        with self._store.snapshot() as connection:
            return _share(connection)

    def set_share(self, share: float) -> None:
        """Set the share, and draw anew among open tasks."""
        with self._store.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?,?)", (_SHARE, str(share)))
            tasks = connection.execute("SELECT task FROM review_tasks WHERE state = 'open'").fetchall()
            connection.executemany(
                "UPDATE review_tasks SET sample = ? WHERE task = ?", [(self._draw() < share, *task) for task in tasks]
            )

    def fill(self, queue: str, candidates: Iterable[Candidate], filled: Filled, now: float) -> None:
        """Add candidates as tasks; those of open tasks bring score and subject up to date.

        One of score 0 is noted as looked at, and not asked.

        Args:
            queue: of the tasks.
            candidates: of any number.
            filled: counts them.
            now: seconds of the leases' clock.
        """
        with self._store.transaction() as connection:
            share = _share(connection)
            for one in candidates:
                subject = json.dumps(one.subject, ensure_ascii=False)
                added = connection.execute(
                    "INSERT OR IGNORE INTO review_tasks (queue, key, score, subject, sample, state) "
                    "VALUES (?,?,?,?,?,?)",
                    (queue, one.key, one.score, subject, self._draw() < share, "open" if one.score else "gone"),
                ).rowcount
                filled.added += added if one.score else 0
                filled.known += 1 - added
                if not added:
                    connection.execute(
                        "UPDATE review_tasks SET score = ?, subject = ?, state = 'open' "
                        "WHERE queue = ? AND key = ? AND state IN ('open', 'gone') AND NOT EXISTS "
                        "(SELECT 1 FROM review_leases AS held WHERE held.task = review_tasks.task "
                        "AND held.state = 'held' AND held.until > ?)",  # a reviewer looks at what it was
                        (one.score, subject, queue, one.key, now),
                    )

    def remove_others(self, queue: str, keys: set[str], filled: Filled) -> None:
        """Close the open tasks that are no candidates any longer."""
        with self._store.transaction() as connection:
            rows = connection.execute("SELECT task, key FROM review_tasks WHERE queue = ? AND state = 'open'", [queue])
            old = [(task,) for task, key in rows.fetchall() if key not in keys]
            connection.executemany("UPDATE review_tasks SET state = 'gone' WHERE task = ?", old)
            filled.gone += len(old)

    def counts(self, now: float) -> list[dict[str, Any]]:
        """Return queue, open, leased, decided, sample and disputed tasks of every queue."""
        with self._store.snapshot() as connection:
            rows = connection.execute(
                "SELECT queue, sum(state = 'open'), sum(state = 'decided'), sum(sample AND state != 'gone'), "
                "sum(disputed) FROM review_tasks GROUP BY queue"
            ).fetchall()
            leased = dict(
                connection.execute(
                    "SELECT queue, count(DISTINCT task) FROM review_leases JOIN review_tasks USING (task) "
                    "WHERE review_leases.state = 'held' AND until > ? AND review_tasks.state = 'open' GROUP BY queue",
                    (now,),
                )
            )
        known = {queue: counts for queue, *counts in rows}
        names = ("open", "decided", "sample", "disputed")
        return [
            {
                "queue": queue,
                **dict(zip(names, known.get(queue, (0, 0, 0, 0)), strict=True)),
                "leased": leased.get(queue, 0),
                "verdicts": list(QUEUES[queue].verdicts),
            }
            for queue in QUEUES
        ]

    def scores(self, queue: str) -> list[dict[str, Any]]:
        """Return how many open and decided tasks each of 20 ranges of scores has."""
        with self._store.snapshot() as connection:
            rows = connection.execute(
                f"SELECT min(CAST(score * {BINS} AS INTEGER), {BINS - 1}), sum(state = 'open'), sum(state = 'decided') "
                "FROM review_tasks WHERE queue = ? GROUP BY 1",
                [queue],
            ).fetchall()
        found = {bin: counts for bin, *counts in rows}
        return [
            {
                "from": n / BINS,
                "to": (n + 1) / BINS,
                "open": found.get(n, (0, 0))[0],
                "decided": found.get(n, (0, 0))[1],
            }
            for n in range(BINS)
        ]

    def open_between(self, queue: str, low: float, high: float, now: float, limit: int) -> tuple[int, list[Task]]:
        """Return the number of free tasks in a range of scores, and the first."""
        with self._store.snapshot() as connection:
            numbers = unheld(connection, queue, low, high, now)
            return len(numbers), [read_task(connection, task) for task in numbers[:limit]]


def unheld(connection: sqlite3.Connection, queue: str, low: float, high: float, now: float) -> list[int]:
    """Return the open tasks in a range of scores that nobody holds, highest first."""
    rows = connection.execute(
        "SELECT task FROM review_tasks WHERE queue = ? AND state = 'open' AND score BETWEEN ? AND ? AND NOT EXISTS "
        "(SELECT 1 FROM review_leases AS held WHERE held.task = review_tasks.task AND held.state = 'held' "
        "AND held.until > ?) ORDER BY score DESC, task",
        (queue, low, high, now),
    )
    return [row[0] for row in rows]


def read_task(connection: sqlite3.Connection, task: int) -> Task:
    """Return a task that is there."""
    return Task.from_row(connection.execute(f"SELECT {COLUMNS} FROM review_tasks WHERE task = ?", (task,)).fetchone())


def _share(connection: sqlite3.Connection) -> float:
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (_SHARE,)).fetchone()
    return float(row[0]) if row else _DEFAULT_SHARE
