"""A stand-in for Triton that speaks enough of both protocols, and the reply of a small identification."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import np_to_triton_dtype, serialize_byte_tensor
from whatsit_client.taxonomy import TAGS, TOPICS

Tensors = dict[str, npt.NDArray[Any]]


@dataclass
class Fake:
    """What the stand-in answers and what it was asked.

    Args:
        reply: tensors of a good answer.
        refusals: (HTTP status, gRPC code, text) of answers given first, one a call; None breaks the connection.
        delay: seconds before an answer.
    """

    reply: Tensors
    refusals: list[tuple[int, grpc.StatusCode, str] | None] = field(default_factory=list)
    delay: float = 0.0
    models: list[str] = field(default_factory=list)
    parameters: list[dict[str, Any]] = field(default_factory=list)
    images: list[bytes] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    deadlines: list[float | None] = field(default_factory=list)
    url: str = ""

    @property
    def calls(self) -> int:
        return len(self.models)


def _packed(tensor: npt.NDArray[Any]) -> bytes:
    return serialize_byte_tensor(tensor).item() if tensor.dtype == object and tensor.size else tensor.tobytes()


def _http_handler(fake: Fake) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

        def do_GET(self) -> None:
            self._send(200, b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            length = int(self.headers["Inference-Header-Content-Length"])
            header = json.loads(body[:length])
            fake.models.append(self.path.split("/")[3])
            fake.images.append(body[length:])
            options = {k: v for k, v in header.get("parameters", {}).items() if k != "binary_data_output"}
            fake.parameters.append(options)
            time.sleep(fake.delay)
            refusal = fake.refusals.pop(0) if fake.refusals else ()
            if refusal is None:
                self.close_connection = True
                self.connection.close()
            elif refusal:
                self._send(refusal[0], json.dumps({"error": refusal[2]}).encode())
            else:
                self._answer()

        def _answer(self) -> None:
            parts = {name: _packed(tensor) for name, tensor in fake.reply.items()}
            outputs = [
                {
                    "name": name,
                    "datatype": np_to_triton_dtype(tensor.dtype),
                    "shape": list(tensor.shape),
                    "parameters": {"binary_data_size": len(parts[name])},
                }
                for name, tensor in fake.reply.items()
            ]
            head = json.dumps({"model_name": "identify", "model_version": "1", "outputs": outputs}).encode()
            self._send(200, head + b"".join(parts.values()), {"Inference-Header-Content-Length": str(len(head))})

        def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler


class _GrpcService(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]  # generated without types
    def __init__(self, fake: Fake) -> None:
        self._fake = fake

    def ModelReady(self, request: Any, context: Any) -> Any:
        return service_pb2.ModelReadyResponse(ready=True)

    def ModelInfer(self, request: Any, context: Any) -> Any:
        fake = self._fake
        fake.models.append(request.model_name)
        answered: list[bool] = []
        context.add_callback(lambda: answered or fake.cancelled.append(request.model_name))
        fake.deadlines.append(context.time_remaining())
        fake.images.append(request.raw_input_contents[0])
        chosen = {
            name: getattr(value, value.WhichOneof("parameter_choice")) for name, value in request.parameters.items()
        }
        fake.parameters.append(chosen)
        time.sleep(fake.delay)
        refusal = fake.refusals.pop(0) if fake.refusals else ()
        if refusal is None:
            context.abort(grpc.StatusCode.UNAVAILABLE, "Stream removed (Socket closed)")
        if refusal:
            context.abort(refusal[1], refusal[2])
        answered.append(True)
        response = service_pb2.ModelInferResponse(model_name=request.model_name, model_version="1")
        for name, tensor in fake.reply.items():
            output = response.outputs.add()
            output.name, output.datatype = name, np_to_triton_dtype(tensor.dtype)
            output.shape.extend(tensor.shape)
            response.raw_output_contents.append(_packed(tensor))
        return response


@pytest.fixture
def reply() -> Tensors:
    """A picture of 100x80 pixels with one box that has two matches."""
    records = [{"id": f"sku{n}", "title": f"Tea {n}", "price": 2.5, "attributes": {"size": "20"}} for n in range(2)]
    answer = {"found": True, "title": "Tea 0", "confidence": 0.8, "ids": ["sku0"], "region": 1}
    return {
        "BOXES": np.array([[0, 0, 100, 80], [10, 20, 60, 70]], np.float32),
        "BOX_SCORES": np.array([1, 0.75], np.float32),
        "BOX_LABELS": np.array([b"image", b"object"], object),
        "ITEM_IDS": np.array([[b"", b""], [b"sku0", b"sku1"]], object),
        "ITEM_SCORES": np.array([[0, 0], [1.5, 1.25]], np.float32),
        "ITEM_RECORDS": np.array([[b"", b""], [json.dumps(record).encode() for record in records]], object),
        "INTENT": np.array([b"goods"], object),
        "INTENT_SCORES": np.array([0.125, 0.75, 0.125], np.float32),
        "SOURCE_SCORES": np.array([0.5, 0.25, 0.25], np.float32),
        "TOPIC_SCORES": np.full(len(TOPICS), 1 / len(TOPICS), np.float32),
        "TAG_SCORES": np.full(len(TAGS), 1 / len(TAGS), np.float32),
        "ANSWER": np.array([json.dumps(answer).encode()], object),
    }


@pytest.fixture(params=["http", "grpc"])
def fake(request: pytest.FixtureRequest, reply: Tensors) -> Iterator[Fake]:
    """The stand-in, once behind HTTP and once behind gRPC."""
    state = Fake(reply)
    if request.param == "http":
        server = ThreadingHTTPServer(("127.0.0.1", 0), _http_handler(state))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_port}"
        yield state
        server.shutdown()
        thread.join()
        server.server_close()
    else:
        channel = grpc.server(ThreadPoolExecutor(4))
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(_GrpcService(state), channel)
        state.url = f"grpc://127.0.0.1:{channel.add_insecure_port('127.0.0.1:0')}"
        channel.start()
        yield state
        channel.stop(None)


@pytest.fixture
def photo() -> bytes:
    """A JPEG of 100x80 pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (100, 80), "olive").save(buffer, "JPEG")
    return buffer.getvalue()
