"""Callers of each variant; every one has connections of its own."""

from __future__ import annotations

import contextlib
import http.client
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import tritonclient.http as triton
from whatsit_client.errors import WhatsitError

from perf.common.tensors import tensors

_HEADERS = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": "0"}
_SECONDS = 120.0


class Caller(Protocol):
    """One caller; used by one thread at a time."""

    def __call__(self, picture: bytes) -> object:
        """Send one picture and wait for the whole reply."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class PlainPost:
    """Post the encoded file: Triton's raw binary request, or a web service's.

    Args:
        address: host:port.
        path: of the request.
    """

    def __init__(self, address: str, path: str) -> None:
        self._connection, self._path = http.client.HTTPConnection(address, timeout=_SECONDS), path

    def __call__(self, picture: bytes) -> bytes:
        """Send one picture."""
        try:
            self._connection.request("POST", self._path, picture, _HEADERS)
            reply = self._connection.getresponse()
            body = reply.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()  # the next request opens it again
            raise
        if reply.status != 200:
            raise WhatsitError(f"{reply.status} {body[:200]!r}")
        return body

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class EachModel:
    """Send six requests a picture; detector and classifier side by side.

    Args:
        address: host:port.
        path: is not used.
    """

    def __init__(self, address: str, path: str = "") -> None:
        self._clients = [triton.InferenceServerClient(address, network_timeout=_SECONDS) for _ in range(2)]
        self._beside = ThreadPoolExecutor(1)

    def __call__(self, picture: bytes) -> object:
        """Send one picture."""
        first, second = self._clients
        view = _infer(first, "decode", IMAGE=np.frombuffer(picture, np.uint8))
        heads = self._beside.submit(_infer, second, "classifier", images=view["CLASSIFIER_IMAGE"])
        found = _infer(first, "detector", images=view["DETECTOR_IMAGE"])
        known = {name: view[name] for name in ("PIXELS", "GEOMETRY", "CLASSIFIER_IMAGE")}
        known |= {f"DETECTOR_{name.upper()}": found[name] for name in ("boxes", "scores", "labels")}
        known |= {f"{name.upper()}_IN": heads.result()[name] for name in ("intent", "source", "topic", "tag")}
        regions = _infer(first, "regions", **known)
        embedded = _infer(first, "embedder", images=regions["CROPS"])
        asked = {name: regions[name] for name in ("AREAS", "SCORES", "LOCAL", "GATED")}
        return _infer(first, "retrieval", EMBEDDINGS=embedded["embedding"], **asked)

    def close(self) -> None:
        """Close the connections."""
        self._beside.shutdown()
        for client in self._clients:
            with contextlib.suppress(Exception):  # a client of another thread closes as it can
                client.close()


def _infer(client: Any, model: str, **inputs: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    reply = client.infer(model, tensors(triton, inputs))
    return {output["name"]: reply.as_numpy(output["name"]) for output in reply.get_response()["outputs"]}


CALLERS: dict[str, type[PlainPost] | type[EachModel]] = {"post": PlainPost, "each-model": EachModel}
