"""Asks the server's search step itself what it finds now."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import tritonclient.grpc as triton

from perf.catalogue.change_stream import Change
from perf.common.tensors import tensors

_NONE_LOCAL = np.zeros((1, 133), dtype=np.uint8)
_PAUSE = 0.002


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
