"""How long work takes on the device, in ms, as the median of many runs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch


def device() -> torch.device:
    """Return the first GPU, or the CPU (a dry run)."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def milliseconds(work: Callable[[], object], seconds: float = 1.0, warm: int = 3, least: int = 5) -> float:
    """Median time of one run; on a GPU by events on its stream.

    Args:
        work: what to run; it may return before the GPU is done.
        seconds: to go on for.
        warm: runs before, not counted.
        least: runs that are counted, even where they take longer.
    """
    for _ in range(warm):
        work()
    times: list[float] = []
    begin = time.perf_counter()
    while len(times) < least or time.perf_counter() - begin < seconds:
        times.append(_once(work))
    return statistics.median(times)


def _once(work: Callable[[], object]) -> float:
    if not torch.cuda.is_available():
        start = time.perf_counter()
        work()
        return (time.perf_counter() - start) * 1000
    before, after = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    before.record()
    work()
    after.record()
    after.synchronize()
    return float(before.elapsed_time(after))


def replayed(work: Callable[[], object]) -> Callable[[], object]:
    """Return the work as a CUDA graph, without launch times; itself on the CPU."""
    if not torch.cuda.is_available():
        return work
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay
