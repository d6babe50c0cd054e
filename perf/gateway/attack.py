"""One attack, and ways to send it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from perf.gateway.target import Target

Send = Callable[[Target], bytes]


@dataclass(frozen=True)
class Attack:
    """One attack.

    Args:
        name: what is tried.
        send: does it and returns the raw reply.
        expected: statuses that are right; "closed" for a connection that ends without a reply.
    """

    name: str
    send: Send
    expected: tuple[str, ...]


def request(method: str, path: str, key: str | None = "search", body: bytes = b"", **headers: str) -> Send:
    """Send one HTTP request; _ in a header stands for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda target: target.request(method, path, key, body, named)


def picture(path: str, key: str | None = "search", **headers: str) -> Send:
    """Post the picture."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda target: target.request("POST", path, key, target.picture, named)


def infer(inputs: Any, key: str = "search", model: str = "identify", **more: Any) -> Send:
    """Infer by JSON."""
    body = json.dumps({"inputs": inputs, **more}).encode()
    return request("POST", f"/v2/models/{model}/infer", key, body)


def binary(header: bytes, rest: bytes, length: str) -> Send:
    """Infer by JSON and bytes."""
    return request("POST", "/v2/models/identify/infer", "search", header + rest, Inference_Header_Content_Length=length)


def catalogue(operation: str, item: Any, key: str) -> Send:
    """Call the model catalogue."""
    inputs = [
        {"name": "OPERATION", "datatype": "BYTES", "shape": [1], "data": [operation]},
        {"name": "ITEM", "datatype": "BYTES", "shape": [1], "data": [json.dumps(item)]},
    ]
    return infer(inputs, key, "catalogue")


def triton(method: str, path: str, body: bytes = b"{}") -> Send:
    """Ask Triton's own port, past the gateway."""
    return lambda target: target.request(method, path, None, body, port=int(target.triton_http.rsplit(":", 1)[1]))


def raw(data: bytes, key: str = "search") -> Send:
    """Send bytes in which KEY and HOST are replaced."""

    def send(target: Target) -> bytes:
        host = f"{target.host}:{target.port}".encode()
        return target.send(data.replace(b"KEY", target.keys[key].encode()).replace(b"HOST", host))

    return send
