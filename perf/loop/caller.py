"""Open-loop calls of any kind, in threads."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable


class Caller:
    """Threads that call a server at a rate until they are stopped.

    Args:
        call: makes the number-th call; it is given the number, and the moment (`time.monotonic`) that it was due.
        rate: calls a second, at random moments (Poisson).
        threads: calls in flight at most; one that finds none free is late, and its wait counts from when it was due.
    """

    def __init__(self, call: Callable[[int, float], None], rate: float, threads: int, seed: int) -> None:
        self._call, self._rate = call, rate
        self._dice = random.Random(seed)
        self._stop, self._slots = threading.Event(), threading.Semaphore(threads)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._open: list[threading.Thread] = []

    def __enter__(self) -> Caller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for one in self._open:
            one.join(60)

    def _run(self) -> None:
        due, number = time.monotonic(), 0
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            self._slots.acquire()
            one = threading.Thread(target=self._one, args=(number, due), daemon=True)
            one.start()
            self._open = [known for known in self._open if known.is_alive()] + [one]
            due, number = due + self._dice.expovariate(self._rate), number + 1

    def _one(self, number: int, due: float) -> None:
        try:
            self._call(number, due)
        finally:
            self._slots.release()
