"""Threads that send changes at a fixed rate and wait until each is visible."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tritonclient.grpc as triton
from whatsit_client import Client, WhatsitError

from perf.catalogue.change_stream import Change, Stream
from perf.common.tensors import tensors

_THREADS = 40  # of which those that look for deleted items once more only wait
_NONE_LOCAL = np.zeros((1, 133), dtype=np.uint8)
_PAUSE = 0.002
AGAIN = 1.0  # seconds after which what was deleted is looked for once more


@dataclass(frozen=True)
class Seen:
    """How one change went.

    Args:
        change: the change.
        sent: monotonic seconds.
        acknowledged: seconds until the server answered; None where it failed.
        visible: seconds from sending until a search showed it; None where it did not.
        back: a second after a deletion the item was found again.
    """

    change: Change
    sent: float
    acknowledged: float | None
    visible: float | None
    back: bool = False


class Writers:
    """Sends changes for as long as the context lasts.

    Args:
        url: gRPC host:port.
        stream: of the changes.
        rate: changes a second.
        probing: look for each change until it shows.
    """

    def __init__(self, url: str, stream: Stream, rate: float, probing: bool = True) -> None:
        self._url, self._stream, self._gap, self._probing = url, stream, 1.0 / rate, probing
        self._client = Client(url, timeout=30.0, retries=0)
        self._probe = Probe(url)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._due = 0.0
        self.seen: list[Seen] = []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(_THREADS)]

    def __enter__(self) -> Writers:
        self._due = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._client.close()
        self._probe.close()

    def _run(self) -> None:
        while True:
            with self._lock:
                due, self._due = self._due, self._due + self._gap
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return
            self.seen.append(self._make(self._stream.draw()))

    def _make(self, change: Change) -> Seen:
        begin = time.monotonic()
        try:
            change.send(self._client)
        except WhatsitError:
            self._stream.end(change, acknowledged=False)
            return Seen(change, begin, None, None)
        acknowledged = time.monotonic() - begin
        try:
            visible = self._probe.wait(change, begin) if self._probing else None
            back = False
            if self._probing and change.kind == "delete" and not self._stop.wait(AGAIN):
                back = not self._probe.shows(change)
        finally:
            self._stream.end(change, acknowledged=True)
        return Seen(change, begin, acknowledged, visible, back)


class Probe:
    """The model `retrieval`, the last step of `identify`, called with a vector.

    Args:
        url: gRPC host:port.
    """

    def __init__(self, url: str) -> None:
        self._client = triton.InferenceServerClient(url)

    def shows(self, change: Change) -> bool:
        """Return whether the change is visible: the new title, or no deleted item."""
        inputs: dict[str, npt.NDArray[Any]] = {
            "EMBEDDINGS": change.vector[None],
            "AREAS": np.ones(1, np.float32),
            "SCORES": np.ones(1, np.float32),
            "LOCAL": _NONE_LOCAL,
            "GATED": np.zeros(1, np.bool_),
        }
        options = {"top_k": 20, "rerank": "none", "min_score": "1.9"}
        reply = self._client.infer("retrieval", tensors(triton, inputs), parameters=options)
        records = reply.as_numpy("ITEM_RECORDS")
        found = {item["id"]: item["title"] for item in map(json.loads, filter(None, records.ravel()))}
        return change.id not in found if change.kind == "delete" else found.get(change.id) == change.title

    def wait(self, change: Change, since: float, limit: float = 5.0) -> float | None:
        """Return the seconds from `since` until it was visible, None past the limit."""
        while True:
            seen = self.shows(change)
            waited = time.monotonic() - since
            if seen:
                return waited
            if waited > limit:
                return None
            time.sleep(_PAUSE)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
