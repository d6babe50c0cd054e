"""Prefetching of batches in threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def prefetch(make: Callable[[int], T], start: int, stop: int, ahead: int = 2) -> Iterator[T]:
    """Yield make(start), …, make(stop - 1) in order, computed ahead in threads.

    `make` must be thread-safe; an exception it raises comes out at its place in the order.
    """
    with ThreadPoolExecutor(ahead, thread_name_prefix="batch") as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for step in range(start, stop):
                waiting.append(pool.submit(make, step))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
