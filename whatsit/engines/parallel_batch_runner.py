"""Runs the rows of a batch in parallel threads."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from whatsit.engines.available_cores import available_cores
from whatsit.engines.onnx_runner import Runner

Arrays = Mapping[str, npt.NDArray[np.generic]]


class ParallelBatchRunner:
    """Splits a batch over several threads; the results are equal bit for bit.

    On a CPU one batch takes as long as its rows one by one, so splitting costs nothing if all cores are busy and uses
    the idle cores otherwise.

    Args:
        runner: a thread-safe, single-threaded runner.
        threads: maximum of parallel runs; 0 for the number of cores that this process may use.
    """

    def __init__(self, runner: Runner, threads: int) -> None:
        self._runner = runner
        self._threads = threads or available_cores()
        self._pool = ThreadPoolExecutor(self._threads - 1, "rows") if self._threads > 1 else None

    def run(self, feeds: Arrays, most: int | None = None) -> dict[str, npt.NDArray[np.generic]]:
        """Run the network once, in at most `most` threads; see `Runner.run`."""
        parts = min(*(len(array) for array in feeds.values()), self._threads, most or self._threads)
        if self._pool is None or parts < 2:
            return self._runner.run(feeds)
        split = {name: np.array_split(array, parts) for name, array in feeds.items()}
        first, *others = [dict(zip(split, part, strict=True)) for part in zip(*split.values(), strict=True)]
        futures = [self._pool.submit(self._runner.run, part) for part in others]
        answers = [self._runner.run(first), *(future.result() for future in futures)]
        return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}

    def close(self) -> None:
        """Stop the threads; the runner stays open."""
        if self._pool is not None:
            self._pool.shutdown()
