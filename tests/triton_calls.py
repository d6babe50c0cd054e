"""Pictures of every kind that callers send, and two ways to ask a server without Whatsit's client."""

from __future__ import annotations

import json
import struct
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from whatsit.server.launcher import Server


@dataclass(frozen=True)
class Reply:
    """What a server answered.

    Args:
        status: "ok", "invalid" (HTTP 400 or gRPC INVALID_ARGUMENT), or the transport's own word.
        message: the refusal.
        tensors: the outputs as flat lists.
    """

    status: str
    message: str = ""
    tensors: dict[str, list[Any]] | None = None


Ask = Callable[..., Reply]


def ask_http(server: Server, image: bytes, model: str = "identify", **options: Any) -> Reply:
    """Plain HTTP: without options the file is the body, with them a JSON header goes before it."""
    header = b""
    if options:
        size = {"binary_data_size": len(image)}
        tensor = {"name": "IMAGE", "datatype": "UINT8", "shape": [len(image)], "parameters": size}
        header = json.dumps({"inputs": [tensor], "parameters": {**options, "binary_data_output": True}}).encode()
    request = urllib.request.Request(
        f"http://{server.http_url}/v2/models/{model}/infer",
        data=header + image,
        headers={"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(header))},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            body, length = reply.read(), int(reply.headers["Inference-Header-Content-Length"])
    except urllib.error.HTTPError as refusal:
        message = json.loads(refusal.read())["error"]
        return Reply("invalid" if refusal.code == 400 else f"HTTP {refusal.code}", message)
    tensors, start = {}, length
    for output in json.loads(body[:length])["outputs"]:
        end = start + output["parameters"]["binary_data_size"]
        tensors[output["name"]] = _values(output["datatype"], body[start:end])
        start = end
    return Reply("ok", tensors=tensors)


def _values(datatype: str, data: bytes) -> list[Any]:
    if datatype == "FP32":
        return list(struct.unpack(f"<{len(data) // 4}f", data))
    texts, start = [], 0
    while start < len(data):
        end = start + 4 + struct.unpack_from("<I", data, start)[0]
        texts.append(data[start + 4 : end])
        start = end
    return texts


def ask_grpc(server: Server, image: bytes, model: str = "identify", **options: Any) -> Reply:
    """Plain tritonclient over gRPC."""
    import tritonclient.grpc as triton
    from tritonclient.utils import InferenceServerException

    tensor = triton.InferInput("IMAGE", [len(image)], "UINT8")
    tensor.set_data_from_numpy(np.frombuffer(image, np.uint8))
    with triton.InferenceServerClient(server.grpc_url) as client:
        try:
            result = client.infer(model, [tensor], parameters=options, client_timeout=60)
        except InferenceServerException as error:
            code = str(error.status())
            return Reply("invalid" if code == "StatusCode.INVALID_ARGUMENT" else code, str(error.message()))
        names = [output.name for output in result.get_response().outputs]
        return Reply("ok", tensors={name: result.as_numpy(name).ravel().tolist() for name in names})


@pytest.fixture(params=[ask_http, ask_grpc])
def ask(request: pytest.FixtureRequest, server: Server) -> Ask:
    """A call with bytes and options, once over raw HTTP and once over gRPC."""

    def call(image: bytes, model: str = "identify", **options: Any) -> Reply:
        return request.param(server, image, model, **options)  # type: ignore[no-any-return]  # pytest types params as Any

    return call


@pytest.fixture(scope="session")
def product(shop: Path) -> Path:
    """One catalogue picture; its stem is the item's id."""
    return sorted((shop / "images").glob("*.jpg"))[11]


@pytest.fixture(scope="session")
def photo(product: Path) -> Image.Image:
    """The same as pixels."""
    return Image.open(product).convert("RGB")


def check_who_waits_too_long(server: Server, image: bytes) -> None:
    """Callers without patience get HTTP 503, and the server goes on."""
    with ThreadPoolExecutor(8) as callers:
        replies = list(callers.map(lambda _: ask_http(server, image, timeout=1), range(8)))
    assert {(reply.status, reply.message.split(", ")[-1]) for reply in replies} == {
        ("HTTP 503", "Request timeout expired")
    }
    assert ask_http(server, image).status == "ok"
