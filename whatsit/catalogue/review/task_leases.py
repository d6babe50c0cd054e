"""Leases: tasks that one reviewer holds for a while."""

from __future__ import annotations

import secrets
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.review.queues import queue_of
from whatsit.catalogue.review.task_subjects import is_there
from whatsit.catalogue.review.task_table import Task, read_task
from whatsit.catalogue.store.store import Store

Order = Literal["score", "doubt", "random"]
_ORDERS = {"score": "score DESC, task", "doubt": "abs(score - 0.5), task", "random": "random()"}
# Leases that ended are of no use once their tasks are decided; they are forgotten after a day.
_KEPT_SECONDS = 86_400.0
_MOST_READ = 2_000
_MOST_EARLY = 1_000  # leases that were given back before they were given


@dataclass(frozen=True)
class Lease:
    """Tasks that a reviewer holds.

    Args:
        token: 32 random hexadecimal digits.
        until: when it ends, seconds of the clock.
        tasks: held by it.
        open: tasks of the queue that are not decided.
    """

    token: str
    until: float
    tasks: tuple[Task, ...]
    open: int = 0


class Leases:
    """Gives out the tasks of one store.

    A task of the overlap sample is given to a second reviewer once the first has decided; any other to one alone.

    Args:
        store: the catalogue.
        clock: returns seconds.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock
        self._given_back_early: deque[str] = deque(maxlen=_MOST_EARLY)

    def lease(
        self, queue: str, who: str, count: int, seconds: float, order: Order = "score", token: str | None = None
    ) -> Lease:
        """Give a reviewer tasks that nobody else holds.

        Args:
            queue: of the tasks.
            who: the reviewer; what this person skipped or voted on is not given again.
            count: tasks at most.
            seconds: that the lease lasts.
            order: surest first, most doubtful first, or random.
            token: 32 hexadecimal digits that name the lease, so that a caller who never gets the answer can give it
                back; None for random ones.

        Raises:
            InvalidInput: there is no such queue, or there is a lease of this name.
        """
        queue_of(queue)
        now, token = self._clock(), token or secrets.token_hex(16)
        until = now + seconds
        with self._store.transaction() as connection:
            connection.execute(
                "DELETE FROM review_leases WHERE until < ? AND state != 'skipped'", [now - _KEPT_SECONDS]
            )
            if connection.execute("SELECT 1 FROM review_leases WHERE lease = ?", (token,)).fetchone():
                raise InvalidInput(f"There is a lease {token}: take other digits.")
            tasks: list[Task] = []
            for task in _free(connection, queue, who, now, order):
                if len(tasks) == count or token in self._given_back_early:
                    break
                if task.state == "open" and not is_there(connection, task):
                    connection.execute("UPDATE review_tasks SET state = 'gone' WHERE task = ?", (task.task,))
                    continue
                hold(connection, task.task, token, who, until)
                tasks.append(task)
            left = connection.execute(
                "SELECT count(*) FROM review_tasks WHERE queue = ? AND state = 'open'", (queue,)
            ).fetchone()[0]
        return Lease(token, until, tuple(tasks), left)

    def renew(self, token: str, seconds: float) -> Lease:
        """Let a lease last longer; what others took meanwhile is no longer in it."""
        now = self._clock()
        until = now + seconds
        with self._store.transaction() as connection:
            rows = connection.execute(
                "SELECT task FROM review_leases WHERE lease = ? AND state = 'held'", (token,)
            ).fetchall()
            tasks = [read_task(connection, task) for (task,) in rows if not is_held(connection, task, now, token)]
            connection.executemany(
                "UPDATE review_leases SET until = ? WHERE lease = ? AND task = ?",
                [(until, token, task.task) for task in tasks],
            )
        return Lease(token, until, tuple(tasks))

    def give_back(self, token: str) -> int:
        """End a lease; return how many tasks others may have now.

        One whose request comes after this is given no tasks.
        """
        with self._store.transaction() as connection:
            freed = connection.execute(
                "UPDATE review_leases SET state = 'returned' WHERE lease = ? AND state = 'held'", (token,)
            ).rowcount
            if not freed:
                self._given_back_early.append(token)
            return freed


def hold(connection: sqlite3.Connection, task: int, token: str, who: str, until: float) -> None:
    """Put a task into a lease."""
    connection.execute(
        "INSERT INTO review_leases (task, lease, who, until) VALUES (?,?,?,?)", (task, token, who, until)
    )


def is_held(connection: sqlite3.Connection, task: int, now: float, but: str) -> bool:
    """Return whether another lease than `but` holds a task."""
    row = connection.execute(
        "SELECT 1 FROM review_leases WHERE task = ? AND state = 'held' AND until > ? AND lease != ?", (task, now, but)
    ).fetchone()
    return row is not None


def _free(connection: sqlite3.Connection, queue: str, who: str, now: float, order: Order) -> Iterator[Task]:
    """Return tasks for a reviewer: second opinions first, then open ones."""
    unheld = (
        "NOT EXISTS (SELECT 1 FROM review_leases AS held WHERE held.task = review_tasks.task AND "
        "((held.state = 'held' AND held.until > ?) OR (held.state = 'skipped' AND held.who = ?))) "
        "AND NOT EXISTS (SELECT 1 FROM review_votes AS voted WHERE voted.task = review_tasks.task AND voted.who = ?)"
    )
    for condition in ("state = 'decided' AND sample AND NOT seconded", "state = 'open'"):
        # Read whole before the first is held: a statement that runs on would see the changes.
        rows = connection.execute(
            f"SELECT task FROM review_tasks WHERE queue = ? AND {condition} AND {unheld} "
            f"ORDER BY {_ORDERS[order]} LIMIT {_MOST_READ}",
            (queue, now, who, who),
        ).fetchall()
        for (task,) in rows:
            yield read_task(connection, task)
