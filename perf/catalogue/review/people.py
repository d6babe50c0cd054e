"""Five reviewers at once on 500 tasks, of whom two leave amid their work."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perf.catalogue.review.near_duplicates import Truth
from perf.catalogue.review.studio_client import StudioClient
from perf.catalogue.studio_server import studio_server
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.store import Store

TASKS, PEOPLE, LEAVING, SAMPLE = 500, 5, 2, 0.2
WRONG = 0.05  # of a reviewer's verdicts
LEASE_SECONDS = 10  # the least: the leavers' tasks come back soon


@dataclass
class Outcome:
    """What came of it.

    Args:
        decided: number of tasks with a decision.
        twice: tasks with two decisions in force.
        gone: tasks that were closed because another decision hid one of their pictures.
        lost: tasks that are still open.
        met: tasks that two people held at once.
        seconds: of all.
        figures: agreement on the sample.
        results: outcomes of the verdicts, counted.
        by: decisions of each reviewer.
    """

    decided: int
    twice: int
    gone: int
    lost: int
    met: int
    seconds: float
    figures: dict[str, Any]
    results: Counter[str] = field(default_factory=Counter)
    by: Counter[str] = field(default_factory=Counter)


def work_together(folder: Path, work: Path, truth: Truth) -> Outcome:
    """Let five threads review one queue; two stop with leases and never come back."""
    own = work / "together"
    shutil.rmtree(own, ignore_errors=True)
    shutil.copytree(folder, own)
    results: Counter[str] = Counter()
    held: dict[int, str] = {}
    met: list[int] = []
    lock = threading.Lock()
    with studio_server(own) as url:
        _fill(own, url)
        begin = time.perf_counter()

        def person(number: int) -> None:
            client, rng = StudioClient(url, f"person {number}"), random.Random(number)
            leaves_after = 30 if number < LEAVING else None
            done, idle = 0, 0
            while idle < 2 * LEASE_SECONDS:
                lease = client.post("/v1/review/duplicates/lease", count=10, seconds=LEASE_SECONDS)
                if not lease["tasks"]:
                    if not lease["open"]:
                        return
                    idle += 1
                    time.sleep(1.0)
                    continue
                idle = 0
                for task in lease["tasks"]:
                    with lock:
                        met.extend([task["task"]] if task["task"] in held else [])
                        held[task["task"]] = client.reviewer
                for task in lease["tasks"]:
                    if leaves_after is not None and done >= leaves_after:
                        with lock:  # the person is gone: whoever gets the rest meets nobody
                            for left in lease["tasks"]:
                                held.pop(left["task"], None)
                        return
                    same = truth.same(task["first"]["sha256"], task["second"]["sha256"])
                    verdict = "duplicate" if same != (rng.random() < WRONG) else "different"
                    body = {"lease": lease["lease"], "decisions": [{"task": task["task"], "verdict": verdict}]}
                    with lock:
                        held.pop(task["task"], None)
                    outcome = client.post("/v1/review/duplicates/decide", body)["results"][0]["outcome"]
                    again = client.post("/v1/review/duplicates/decide", body)["results"][0]["outcome"]  # a retry
                    with lock:
                        results.update([outcome, f"retry: {again}"])
                    done += outcome in ("decided", "second")

        threads = [threading.Thread(target=person, args=(n,)) for n in range(PEOPLE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - begin
        figures = StudioClient(url, "owner").get("/v1/review/agreement", queue="duplicates")["queues"][0]
    return _outcome(own, results, met, seconds, figures)


def _fill(folder: Path, url: str) -> None:
    client = StudioClient(url, "owner")
    client.wait(client.post("/v1/review/duplicates/refresh"))
    with Store(Layout(folder).store) as store, store.transaction() as connection:
        # The surest and the least sure: of two kinds in like numbers, as kappa needs them.
        tasks = [row[0] for row in connection.execute("SELECT task FROM review_tasks ORDER BY score")]
        left_out = tasks[TASKS // 2 : len(tasks) - TASKS // 2]
        connection.executemany("DELETE FROM review_tasks WHERE task = ?", [(task,) for task in left_out])
        tasks = [row[0] for row in connection.execute("SELECT task FROM review_tasks ORDER BY task")]
        chosen = random.Random(1).sample(tasks, round(SAMPLE * len(tasks)))
        connection.execute("UPDATE review_tasks SET sample = 0")
        connection.executemany("UPDATE review_tasks SET sample = 1 WHERE task = ?", [(task,) for task in chosen])


def _outcome(folder: Path, results: Counter[str], met: list[int], seconds: float, figures: dict[str, Any]) -> Outcome:
    with Store(Layout(folder).store, read_only=True) as store, store.snapshot() as connection:
        standing = Counter(
            row[0]
            for row in connection.execute(
                "SELECT task FROM decisions JOIN decision_notes USING (decision) WHERE undone IS NULL AND task NOT NULL"
            )
        )
        states = dict(connection.execute("SELECT state, count(*) FROM review_tasks GROUP BY state"))
        by = Counter(dict(connection.execute("SELECT who, count(*) FROM review_votes GROUP BY who")))
    return Outcome(
        decided=states.get("decided", 0),
        twice=sum(count > 1 for count in standing.values()),
        gone=states.get("gone", 0),
        lost=states.get("open", 0),
        met=len(met),
        seconds=seconds,
        figures=figures,
        results=results,
        by=by,
    )
