"""What one caller does for one picture, over each of the ways that are compared."""

from __future__ import annotations

import asyncio
from typing import Protocol

from perf.identify.raw_http import Connection, Refused, Tensor, infer


class Caller(Protocol):
    """One caller with connections of its own."""

    async def __call__(self, picture: bytes) -> bytes:
        """Send one picture, wait for the whole reply; what came back."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class PlainPost:
    """The encoded file as the body of one request: Triton's raw binary request, or a web service's.

    Args:
        host: of the server.
        port: of the server.
        path: that is posted to.
    """

    HEADERS = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": "0"}  # noqa: RUF012 - never changed

    def __init__(self, host: str, port: int, path: str) -> None:
        self._connection, self._path = Connection(host, port), path

    async def __call__(self, picture: bytes) -> bytes:
        """Send one picture."""
        status, _, body = await self._connection.post(self._path, self.HEADERS, picture)
        if status != 200:
            raise Refused(f"{status} {body[:200]!r}")
        return body

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class EachModel:
    """Calls decode, detector and classifier side by side, regions, embedder, retrieval: six requests a picture.

    Args:
        host: of the server.
        port: of the server.
        path: is not used.
    """

    def __init__(self, host: str, port: int, path: str = "") -> None:
        self._first, self._second = Connection(host, port), Connection(host, port)

    async def __call__(self, picture: bytes) -> bytes:
        """Send one picture."""
        image = Tensor("UINT8", [len(picture)], picture)
        view = await infer(self._first, "decode", {"IMAGE": image})
        found, heads = await asyncio.gather(
            infer(self._first, "detector", {"images": view["DETECTOR_IMAGE"]}),
            infer(self._second, "classifier", {"images": view["CLASSIFIER_IMAGE"]}),
        )
        known = {name: view[name] for name in ("PIXELS", "GEOMETRY", "CLASSIFIER_IMAGE")}
        known |= {f"DETECTOR_{name.upper()}": found[name] for name in ("boxes", "scores", "labels")}
        known |= {f"{name.upper()}_IN": heads[name] for name in ("intent", "source", "topic", "tag")}
        regions = await infer(self._first, "regions", known)
        embedded = await infer(self._first, "embedder", {"images": regions["CROPS"]})
        asked = {name: regions[name] for name in ("AREAS", "SCORES", "LOCAL", "GATED")}
        answers = await infer(self._first, "retrieval", {"EMBEDDINGS": embedded["embedding"], **asked})
        return answers["ANSWER"].data + answers["ITEM_RECORDS"].data

    def close(self) -> None:
        """Close the connections."""
        self._first.close()
        self._second.close()


CALLERS = {"post": PlainPost, "each-model": EachModel}
