"""Closed-loop load: so many calls in flight, the same pictures in the same order every time."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException
from whatsit_client.errors import Unavailable

_CHANNEL = [("grpc.max_send_message_length", 2**31 - 1), ("grpc.max_receive_message_length", 2**31 - 1)]
_ANSWER_WITHIN = 60.0


@dataclass(frozen=True)
class Block:
    """What a server did with one round of calls.

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
        """Images per second."""
        return len(self.latencies_ms) / self.seconds

    @property
    def p99_ms(self) -> float:
        """See `p99`."""
        return p99(self.latencies_ms)


def p99(latencies: Sequence[float]) -> float:
    """The 99th percentile; of up to 101 values the second largest, so that one hiccup does not decide."""
    return float(np.quantile(latencies, 0.99, method="lower")) if len(latencies) > 1 else float("inf")


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

    def run(self, calls: int, concurrency: int) -> Block:
        """Make so many calls, at most `concurrency` of them at a time."""
        while len(self._clients) < concurrency:
            self._clients.append(triton.InferenceServerClient(self._address, channel_args=_CHANNEL))
        turns = itertools.count()
        latencies: list[float] = []
        failures: list[str] = []

        def call(client: triton.InferenceServerClient) -> None:
            while (turn := next(turns)) < calls:
                begin = time.perf_counter()
                try:
                    client.infer(self._model, [self._tensors[turn % len(self._tensors)]])
                except InferenceServerException as error:
                    failures.append(str(error.message()))
                else:
                    latencies.append((time.perf_counter() - begin) * 1000)

        threads = [threading.Thread(target=call, args=(client,), daemon=True) for client in self._clients[:concurrency]]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_ANSWER_WITHIN + calls)
            if thread.is_alive():
                raise Unavailable(f"The server at {self._address} did not answer within {_ANSWER_WITHIN:.0f} s.")
        return Block(time.perf_counter() - begin, tuple(latencies), tuple(failures))

    def close(self) -> None:
        """Close the channels."""
        for client in self._clients:
            client.close()
        self._clients.clear()


def _tensor(picture: bytes) -> Any:
    tensor = triton.InferInput("IMAGE", [len(picture)], "UINT8")
    tensor.set_data_from_numpy(np.frombuffer(picture, np.uint8))
    return tensor
