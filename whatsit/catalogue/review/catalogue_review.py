"""Review of one catalogue: queues, leases, decisions and their agreement."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from whatsit.catalogue.cleaning.decision_log import DecisionLog
from whatsit.catalogue.review.reviewer_agreement import read_agreement
from whatsit.catalogue.review.task_decisions import TaskDecisions
from whatsit.catalogue.review.task_leases import Leases
from whatsit.catalogue.review.task_table import TaskTable
from whatsit.catalogue.store.job_table import JobTable
from whatsit.catalogue.store.store import Store


class Review:
    """The parts of a review.

    Args:
        store: the catalogue, not read-only.
        clock: returns seconds, by which leases end.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self.store, self.clock = store, clock
        self.tasks = TaskTable(store)
        self.leases = Leases(store, clock)
        self.decisions = TaskDecisions(store, clock)
        self.log = DecisionLog(store)
        self.jobs = JobTable(store)

    def queues(self) -> list[dict[str, Any]]:
        """Return every queue with its counts and its latest refresh."""
        jobs = self.jobs.latest("refresh")
        found = []
        for counts in self.tasks.counts(self.clock()):
            job = jobs.get(counts["queue"])
            record = None if job is None else job.to_record()
            filled = job.finished if job is not None and job.state == "done" else None
            found.append({**counts, "filled": filled, "job": record})
        return found

    def agreement(self, queue: str | None = None) -> list[dict[str, Any]]:
        """Return the agreement of reviewers; see `read_agreement`."""
        return read_agreement(self.store, queue)
