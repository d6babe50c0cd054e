"""Measurements that are stopped and go on: each row is kept as soon as it is there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any, TypeVar

Task = TypeVar("Task", bound=Hashable)
Row = dict[str, Any]


def measure_all(
    tasks: Sequence[Task], measure: Callable[[Task], Row], work: Path, minutes: float, workers: int = 1
) -> list[Row]:
    """Measure the tasks that are not in the file of results yet; return their rows.

    Args:
        tasks: what is measured; each is part of its row.
        measure: a function of a module, which runs in another process.
        work: the file of results, one JSON object a line.
        minutes: no task is begun after so many.
        workers: processes.
    """
    work.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in work.read_text().splitlines()] if work.is_file() else []
    done = {str(row["task"]) for row in rows}
    left, end = [task for task in tasks if str(task) not in done], time.monotonic() + 60 * minutes
    running: dict[Future[Row], Task] = {}
    with ProcessPoolExecutor(workers) as pool, work.open("a") as file:
        while running or (left and time.monotonic() < end):
            while left and len(running) < workers and time.monotonic() < end:
                task = left.pop(0)
                running[pool.submit(measure, task)] = task
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for one in finished:
                row = {"task": str(running.pop(one)), **one.result()}
                file.write(json.dumps(row) + "\n")
                file.flush()
                rows.append(row)
    wanted = {str(task) for task in tasks}
    return [row for row in rows if row["task"] in wanted]
