"""Open-loop calls of `identify` over gRPC with the ids of their answers.

Locust keeps no answers, so the open loop of `live_updates` is one of its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tritonclient.grpc as triton

from perf.common.tensors import tensors


@dataclass(frozen=True)
class Answer:
    """One call.

    Args:
        started: monotonic seconds.
        seconds: until the answer.
        error: what was answered instead of a result, "" where all is well.
        ids: of the items that were found.
    """

    started: float
    seconds: float
    error: str
    ids: frozenset[str]


class Queries:
    """A thread that calls `rate` times a second at random moments (Poisson).

    Args:
        url: gRPC host:port.
        pictures: encoded; one after the other is sent.
        rate: calls a second.
        seed: of the dice.
    """

    def __init__(self, url: str, pictures: Sequence[bytes], rate: float, seed: int = 0) -> None:
        self._client = triton.InferenceServerClient(url)
        self._inputs = [tensors(triton, {"IMAGE": np.frombuffer(one, np.uint8)}) for one in pictures]
        self._rate, self._dice = rate, np.random.default_rng(seed)
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._open = 0
        self.answers: list[Answer] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Queries:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        with self._changed:
            self._changed.wait_for(lambda: self._open == 0, 60.0)  # calls that are cancelled crash Triton 2.51
        self._client.close()

    def _run(self) -> None:
        due, number = time.monotonic(), 0
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            self._call(self._inputs[number % len(self._inputs)])
            due, number = due + self._dice.exponential(1 / self._rate), number + 1

    def _call(self, inputs: list[Any]) -> None:
        begin = time.monotonic()

        def done(result: Any, error: Exception | None) -> None:
            seconds = time.monotonic() - begin
            found = frozenset() if error else frozenset(id.decode() for id in result.as_numpy("ITEM_IDS").ravel())
            with self._changed:
                self.answers.append(Answer(begin, seconds, "" if error is None else str(error), found))
                self._open -= 1
                self._changed.notify_all()

        with self._changed:
            self._open += 1
        self._client.async_infer("identify", inputs, done, parameters={"gate": "off", "top_k": 30, "rerank": "none"})


def percentiles(values: Sequence[float], which: Sequence[float] = (50, 95, 99, 100)) -> Mapping[float, float]:
    """Return each percentile; NaN where there are no values."""
    found = np.percentile(values, which) if len(values) else [float("nan")] * len(which)
    return dict(zip(which, map(float, found), strict=True))
