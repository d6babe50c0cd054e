"""The rows of one batch side by side: a picture's crops wait for one another no longer than they must."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from whatsit.engines.onnx_runner import OnnxRunner

Arrays = Mapping[str, npt.NDArray[np.generic]]


class ParallelBatchRunner:
    """Runs parts of a batch in several threads of this process; the answers are those of one run, bit for bit.

    On a CPU a network takes as long for one batch as for its rows one by one, so nothing is lost where all cores are
    busy; where some idle, the rows take them.

    Args:
        runner: of one thread, and safe to call from many.
        threads: that may run at once; 0 for as many as this process may use cores.
    """

    def __init__(self, runner: OnnxRunner, threads: int) -> None:
        self._runner = runner
        self._threads = threads or len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(self._threads - 1, "rows") if self._threads > 1 else None

    def run(self, feeds: Arrays, most: int | None = None) -> dict[str, npt.NDArray[np.generic]]:
        """As `OnnxRunner.run`, which says what it raises; in at most so many threads."""
        parts = min(*(len(array) for array in feeds.values()), self._threads, most or self._threads)
        if self._pool is None or parts < 2:
            return self._runner.run(feeds)
        split = {name: np.array_split(array, parts) for name, array in feeds.items()}
        first, *others = [dict(zip(split, part, strict=True)) for part in zip(*split.values(), strict=True)]
        waiting = [self._pool.submit(self._runner.run, part) for part in others]
        answers = [self._runner.run(first), *(one.result() for one in waiting)]
        return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}

    def close(self) -> None:
        """End the threads; the runner is left open."""
        if self._pool is not None:
            self._pool.shutdown()
