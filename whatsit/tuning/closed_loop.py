"""Closed-loop load: a fixed number of calls in flight, pictures in fixed order."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import psutil
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException
from whatsit_client.errors import Unavailable, WhatsitError

_CHANNEL = [("grpc.max_send_message_length", 2**31 - 1), ("grpc.max_receive_message_length", 2**31 - 1)]
_ANSWER_WITHIN = 60.0


@dataclass(frozen=True)
class Block:
    """Result of one round of calls.

    Args:
        seconds: from the first call to the last answer.
        latencies_ms: of the answered calls.
        failures: the sentences of the calls that were refused.
        cpu_ms: CPU time of all of the server's processes per picture.
    """

    seconds: float
    latencies_ms: tuple[float, ...]
    failures: tuple[str, ...] = ()
    cpu_ms: float = 0.0

    @property
    def rate(self) -> float:
        """Return images per second."""
        return len(self.latencies_ms) / self.seconds

    @property
    def p99_ms(self) -> float:
        """Return the 99th percentile of the latencies, ms."""
        return p99(self.latencies_ms)


def p99(latencies: Sequence[float]) -> float:
    """Return the 99th percentile; of up to 101 values the second largest."""
    return float(np.quantile(latencies, 0.99, method="lower")) if len(latencies) > 1 else float("inf")


def run_closed_loop(
    callers: Sequence[Callable[[int], object]], go_on: Callable[[int], bool], limit: float
) -> tuple[list[tuple[float, float]], list[str]]:
    """Make every caller send its next call when its last one is answered.

    Args:
        callers: called with the number of the call, each in a separate thread; an exception is a failed call.
        go_on: whether the call of this number is still to be made.
        limit: seconds after which a caller without an answer is given up.

    Returns:
        Begin and end of each answered call (`time.perf_counter`), and the failures' sentences.

    Raises:
        Unavailable: a caller was given up.
    """
    turns = itertools.count()
    answered: list[tuple[float, float]] = []
    failures: list[str] = []

    def work(call: Callable[[int], object]) -> None:
        while go_on(turn := next(turns)):
            begin = time.perf_counter()
            try:
                call(turn)
            except Exception as error:  # whatever it is, it is what the server did to a caller
                failures.append(str(error))
            else:
                answered.append((begin, time.perf_counter()))

    threads = [threading.Thread(target=work, args=(call,), daemon=True) for call in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(limit)
        if thread.is_alive():
            raise Unavailable(f"The server did not answer within {limit:.0f} s.")
    return answered, failures


class Load:
    """Sends pictures to one server, a gRPC channel for each caller.

    Args:
        address: gRPC host:port.
        pictures: encoded files, sent in turn.
        model: the ensemble.
    """

    def __init__(self, address: str, pictures: Sequence[bytes], model: str = "identify") -> None:
        self._address, self._model = address, model
        self._tensors = [_tensor(picture) for picture in pictures]
        self._clients: list[triton.InferenceServerClient] = []

    def run(self, calls: int, concurrency: int, seconds: float = float("inf")) -> Block:
        """Make calls, at most `concurrency` at a time, none later than after `seconds`."""
        while len(self._clients) < concurrency:
            self._clients.append(triton.InferenceServerClient(self._address, channel_args=_CHANNEL))
        begin = time.perf_counter()
        answered, failures = run_closed_loop(
            [partial(self._call, client) for client in self._clients[:concurrency]],
            lambda turn: turn < calls and time.perf_counter() < begin + seconds,
            _ANSWER_WITHIN + min(calls, seconds),
        )
        latencies = tuple((end - start) * 1000 for start, end in answered)
        return Block(time.perf_counter() - begin, latencies, tuple(failures))

    def _call(self, client: triton.InferenceServerClient, turn: int) -> None:
        try:
            client.infer(self._model, [self._tensors[turn % len(self._tensors)]])
        except InferenceServerException as error:
            raise WhatsitError(str(error.message())) from error

    def close(self) -> None:
        """Close the channels."""
        for client in self._clients:
            client.close()
        self._clients.clear()


def cpu_seconds(group: int) -> float:
    """Return the CPU seconds of a process group, ended children included.

    Args:
        group: id of the process group, which for a `Server` is its `pid`.
    """
    seconds = 0.0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):  # it ended meanwhile
            if os.getpgid(process.pid) == group:
                seconds += sum(process.cpu_times()[:4])  # user, system, and both of ended children
    return seconds


def _tensor(picture: bytes) -> Any:
    tensor = triton.InferInput("IMAGE", [len(picture)], "UINT8")
    tensor.set_data_from_numpy(np.frombuffer(picture, np.uint8))
    return tensor
