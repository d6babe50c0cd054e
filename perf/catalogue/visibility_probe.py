"""Asks the server's search step itself what it finds now."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import tritonclient.grpc as triton

from perf.catalogue.change_stream import Change

_NONE_LOCAL = np.zeros((1, 133), dtype=np.uint8)
_PAUSE = 0.002


class Probe:
    """The model `retrieval`, which `identify` ends with, called with a vector: the same processes and the same state.

    Args:
        url: gRPC host:port.
    """

    def __init__(self, url: str) -> None:
        self._client = triton.InferenceServerClient(url)

    def shows(self, change: Change) -> bool:
        """Whether the change is to be seen: the new title, or no trace of what was deleted."""
        inputs: dict[str, npt.NDArray[Any]] = {
            "EMBEDDINGS": change.vector[None],
            "AREAS": np.ones(1, np.float32),
            "SCORES": np.ones(1, np.float32),
            "LOCAL": _NONE_LOCAL,
            "GATED": np.zeros(1, np.bool_),
        }
        types = {"LOCAL": "UINT8", "GATED": "BOOL"}
        tensors = []
        for name, array in inputs.items():
            tensors.append(triton.InferInput(name, list(array.shape), types.get(name, "FP32")))
            tensors[-1].set_data_from_numpy(array)
        options = {"top_k": 20, "rerank": "none", "min_score": "1.9"}
        records = self._client.infer("retrieval", tensors, parameters=options).as_numpy("ITEM_RECORDS")
        found = {item["id"]: item["title"] for item in map(json.loads, filter(None, records.ravel()))}
        return change.id not in found if change.kind == "delete" else found.get(change.id) == change.title

    def wait(self, change: Change, since: float, limit: float = 5.0) -> float | None:
        """Seconds from `since` (monotonic) until it was seen, None where that took longer than the limit."""
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
