"""Decisions on tasks: each task is decided once, whoever retries or comes late."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.cleaning.decision_log import log_decision, open_run, undo_one, undo_where
from whatsit.catalogue.review.queues import queue_of
from whatsit.catalogue.review.task_leases import Lease, hold, is_held
from whatsit.catalogue.review.task_table import Task, read_task, unheld
from whatsit.catalogue.review.verdict_effects import Gone, Verdict, effect_of
from whatsit.catalogue.store.decision_effects import apply_decisions_to
from whatsit.catalogue.store.store import Store

COMMAND = "review"
SKIP = "skip"

ResultWord = Literal["decided", "second", "skipped", "repeated", "lost", "gone", "refused"]


@dataclass(frozen=True)
class DecisionResult:
    """What became of one verdict.

    Args:
        task: its number.
        outcome: `decided`; `second` (counted for the agreement); `skipped`; `repeated` (a retry); `lost` (somebody else
            has or decided it); `gone` (what it asks about is no longer there); `refused`.
        decision: number in the log, None for none.
        detail: a sentence where nothing was done.
    """

    task: int
    outcome: ResultWord
    decision: int | None = None
    detail: str = ""

    def to_record(self) -> dict[str, Any]:
        """Return the result as a JSON object."""
        undo = self.decision is not None or self.outcome == "second"
        return {
            "task": self.task,
            "outcome": self.outcome,
            "decision": self.decision,
            "undo": undo,
            "detail": self.detail,
        }


@dataclass(frozen=True)
class Undone:
    """What was taken back.

    Args:
        decision: number in the log, None for a second opinion.
        lease: of the task that is open again, None where the decision was of no task.
    """

    decision: int | None
    lease: Lease | None


class TaskDecisions:
    """Decides the tasks of one store.

    Args:
        store: the catalogue.
        clock: returns seconds.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock

    def decide(self, queue: str, token: str, who: str, verdicts: Sequence[Verdict]) -> list[DecisionResult]:
        """Decide tasks of a lease, all in one transaction.

        A retry of the same verdicts changes nothing. A lease that ran out counts unless somebody else has the task.

        Args:
            queue: of the tasks.
            token: of the lease.
            who: the reviewer.
            verdicts: on tasks of the lease.

        Raises:
            InvalidInput: there is no such queue.
        """
        queue_of(queue)
        run = _Run(who, {"queue": queue, "lease": token})
        with self._store.transaction() as connection:
            return [self._one(connection, queue, token, who, verdict, run) for verdict in verdicts]

    def decide_range(
        self,
        queue: str,
        who: str,
        verdict: Verdict,
        low: float,
        high: float,
        left_out: Collection[int] = (),
        expected: int | None = None,
    ) -> tuple[int | None, int, int]:
        """Decide the open tasks in a range of scores that nobody holds.

        Args:
            queue: of the tasks.
            who: the reviewer.
            verdict: on all of them; its task does not count.
            low: least score.
            high: highest score.
            left_out: tasks that stay open.
            expected: how many the reviewer saw.

        Returns:
            Run in the log, how many were decided, and how many were no longer there.

        Raises:
            InvalidInput: the verdict is none for many at once, or there are more or fewer tasks than expected.
        """
        if verdict.verdict in queue_of(queue).needing or verdict.verdict not in queue_of(queue).verdicts:
            raise InvalidInput(f"'{verdict.verdict[:40]}' cannot be given to many tasks of the queue {queue} at once.")
        run = _Run(who, {"queue": queue, "from": low, "to": high})
        decided, gone = 0, 0
        with self._store.transaction() as connection:
            tasks = unheld(connection, queue, low, high, self._clock())
            if expected is not None and len(tasks) != expected:
                raise Changed(f"There are {len(tasks)} tasks in this range now, not {expected}: look at them again.")
            for number in tasks:
                if number in left_out:
                    continue
                task = read_task(connection, number)
                try:
                    self._first(connection, task, f"range {run.token}", who, verdict, run)
                    decided += 1
                except Gone:
                    connection.execute("UPDATE review_tasks SET state = 'gone' WHERE task = ?", (number,))
                    gone += 1
        return run.number, decided, gone

    def undo(self, decision: int, who: str, seconds: float) -> Undone:
        """Take a decision back; its task is open again and held by this reviewer.

        Raises:
            InvalidInput: there is no such decision in force.
        """
        with self._store.transaction() as connection:
            row = connection.execute("SELECT task FROM decision_notes WHERE decision = ?", (decision,)).fetchone()
            undo_one(connection, decision, who, "review undo")
            if row is None or row[0] is None:
                return Undone(decision, None)
            return Undone(decision, self._held_again(connection, row[0], who, seconds))

    def undo_second(self, task: int, token: str, who: str, seconds: float) -> Undone:
        """Take a second opinion back.

        Raises:
            InvalidInput: there is none of this lease.
        """
        with self._store.transaction() as connection:
            gone = connection.execute(
                "DELETE FROM review_votes WHERE task = ? AND lease = ? AND who = ? AND decision IS NULL",
                (task, token, who),
            ).rowcount
            if not gone:
                raise InvalidInput(f"There is no second opinion of yours on task {task} under this lease.")
            connection.execute("UPDATE review_tasks SET seconded = 0, disputed = 0 WHERE task = ?", (task,))
            return Undone(None, self._held_again(connection, task, who, seconds))

    def undo_run(self, run: int, who: str) -> int:
        """Take a whole run back; return how many decisions."""
        with self._store.transaction() as connection:
            undone = undo_where(connection, "run = ?", run, who)
        if not undone:
            raise InvalidInput(f"The run {run} has no decision in force; the decisions' list shows the numbers.")
        return undone

    def _held_again(self, connection: sqlite3.Connection, task: int, who: str, seconds: float) -> Lease:
        token, until = secrets.token_hex(16), self._clock() + seconds
        hold(connection, task, token, who, until)
        return Lease(token, until, (read_task(connection, task),))

    def _one(
        self, connection: sqlite3.Connection, queue: str, token: str, who: str, verdict: Verdict, run: _Run
    ) -> DecisionResult:
        now, number = self._clock(), verdict.task
        lease = connection.execute(
            "SELECT who, state FROM review_leases WHERE task = ? AND lease = ?", (number, token)
        ).fetchone()
        voted = connection.execute(
            "SELECT verdict, decision FROM review_votes WHERE task = ? AND lease = ?", (number, token)
        ).fetchone()
        if voted is not None:
            if voted[0] == verdict.verdict:
                return DecisionResult(number, "repeated", voted[1])
            return DecisionResult(
                number, "refused", voted[1], "It was decided otherwise under this lease: undo that first."
            )
        if lease is None or lease[0] != who:
            return DecisionResult(number, "refused", None, "This lease does not hold the task: lease it first.")
        task = read_task(connection, number)
        if task.queue != queue:
            return DecisionResult(number, "refused", None, f"The task is in the queue {task.queue}.")
        if verdict.verdict == SKIP:
            connection.execute(
                "UPDATE review_leases SET state = 'skipped' WHERE task = ? AND lease = ?", (number, token)
            )
            return DecisionResult(number, "skipped")
        if is_held(connection, number, now, token):
            return DecisionResult(number, "lost", None, "The lease ran out, and somebody else has the task.")
        if task.state == "gone":
            return DecisionResult(number, "gone", None, "What the task asks about is no longer there.")
        if task.state == "decided":
            return self._second(connection, task, token, who, verdict)
        try:
            return self._first(connection, task, token, who, verdict, run)
        except Gone as error:
            connection.execute("UPDATE review_tasks SET state = 'gone' WHERE task = ?", (number,))
            return DecisionResult(number, "gone", None, str(error))
        except InvalidInput as error:
            return DecisionResult(number, "refused", None, str(error))

    def _first(
        self, connection: sqlite3.Connection, task: Task, token: str, who: str, verdict: Verdict, run: _Run
    ) -> DecisionResult:
        connection.execute("SAVEPOINT verdict")  # one that is refused midway leaves nothing
        try:
            effect = effect_of(self._store, connection, task, verdict)
        except BaseException:
            connection.execute("ROLLBACK TO verdict")
            raise
        decision = log_decision(
            connection, run.open(connection), effect.decision, verdict.why, task.task, effect.outcome
        )
        connection.execute(
            "UPDATE review_tasks SET state = 'decided', verdict = ?, decision = ? WHERE task = ?",
            (verdict.verdict, decision, task.task),
        )
        _vote(connection, task.task, token, who, verdict.verdict, decision)
        if effect.changed:  # at once, for the checks of the next verdicts look at it
            apply_decisions_to(connection, [effect.decision.item])
        return DecisionResult(task.task, "decided", decision)

    def _second(
        self, connection: sqlite3.Connection, task: Task, token: str, who: str, verdict: Verdict
    ) -> DecisionResult:
        voters = {row[0] for row in connection.execute("SELECT who FROM review_votes WHERE task = ?", (task.task,))}
        if not task.sample or task.seconded or who in voters:
            return DecisionResult(task.task, "lost", None, "Somebody else decided the task.")
        if verdict.verdict not in queue_of(task.queue).verdicts:
            return DecisionResult(task.task, "refused", None, f"'{verdict.verdict[:40]}' is no verdict of this queue.")
        _vote(connection, task.task, token, who, verdict.verdict, None)
        connection.execute(
            "UPDATE review_tasks SET seconded = 1, disputed = ? WHERE task = ?",
            (verdict.verdict != task.verdict, task.task),
        )
        return DecisionResult(task.task, "second")


class Changed(InvalidInput):
    """There are more or fewer tasks than the reviewer saw."""


class _Run:
    """A run of the log, opened with its first decision."""

    def __init__(self, who: str, settings: dict[str, Any]) -> None:
        self.who, self.settings = who, settings
        self.number: int | None = None
        self.token = secrets.token_hex(8)

    def open(self, connection: sqlite3.Connection) -> int:
        """Return its number."""
        if self.number is None:
            self.number = open_run(connection, COMMAND, json.loads(json.dumps(self.settings)), self.who)
        return self.number


def _vote(connection: sqlite3.Connection, task: int, token: str, who: str, verdict: str, decision: int | None) -> None:
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    connection.execute(
        "INSERT INTO review_votes (task, lease, who, verdict, made, decision) VALUES (?,?,?,?,?,?)",
        (task, token, who, verdict, now, decision),
    )
    connection.execute("UPDATE review_leases SET state = 'done' WHERE task = ? AND lease = ?", (task, token))
