"""Locust users over HTTP (bare pictures, binary tensors) and gRPC.

No gRPC call has a deadline and none is cancelled: Triton 2.51 may crash of either (its issues #7368 and #8034). So
Locust is to be run with a `--stop-timeout` in which open calls can end.
"""

from __future__ import annotations

import json
import time
from typing import Any, ClassVar

import grpc.experimental.gevent
import numpy as np
import tritonclient.grpc as triton
from locust import FastHttpUser, User, task
from tritonclient.utils import InferenceServerException, np_to_triton_dtype, serialize_byte_tensor

from perf.common.tensors import tensors
from perf.load.calls import Call, Calls, key_headers, open_calls
from perf.load.outcomes import TooMany
from perf.load.pacing import poisson

grpc.experimental.gevent.init_gevent()
_SECONDS = 120.0


class _Sender:
    """Calls at random moments, with the pictures of all users."""

    environment: Any
    calls: ClassVar[Calls | None] = None

    def wait_time(self) -> float:
        """Seconds until the next call."""
        return 0.0 if self.environment.parsed_options.shape == "closed" else poisson(self)

    def on_start(self) -> None:
        """Read the pictures, once for all users; begin at a random moment."""
        _Sender.calls = _Sender.calls or open_calls(self.environment.parsed_options)
        time.sleep(self.wait_time())  # gevent's


class HttpUser(_Sender, FastHttpUser):  # type: ignore[misc]  # Locust is not typed
    """A user over HTTP."""

    abstract = True
    network_timeout = connection_timeout = _SECONDS

    def post(self, call: Call, header: bytes, body: bytes) -> None:
        """Send a call and report its outcome."""
        headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(header))}
        headers |= key_headers()
        kind = "HTTP" if header else "HTTP raw"
        with self.client.post(
            f"/v2/models/{call.model}/infer",
            data=header + body,  # type: ignore[arg-type]  # bytes are sent as they are
            headers=headers,
            name=f"{call.name} ({kind})",
            catch_response=True,
        ) as reply:
            if reply.status_code == 503:
                reply.failure(TooMany(_reason(reply)))
            elif reply.status_code != 200:
                reply.failure(f"{reply.status_code} {_reason(reply)}")


class RawPicture(HttpUser):
    """Posts the file as it is, as `curl --data-binary` does."""

    weight = 4

    @task  # type: ignore[untyped-decorator]  # Locust is not typed
    def send(self) -> None:
        """One call."""
        assert self.calls is not None
        call = self.calls.draw_plain()
        self.post(call, b"", call.inputs["IMAGE"].tobytes())


class BinaryTensors(HttpUser):
    """Posts tensors behind a JSON header, with options, and changes the catalogue."""

    weight = 3

    @task  # type: ignore[untyped-decorator]  # Locust is not typed
    def send(self) -> None:
        """One call."""
        assert self.calls is not None
        call = self.calls.draw()
        self.post(call, *packed(call))


class Grpc(_Sender, User):  # type: ignore[misc]  # Locust is not typed
    """Calls with options, and changes of the catalogue; all users share one channel."""

    weight = 3
    channel: ClassVar[Any] = None

    def on_start(self) -> None:
        """Open the channel, once for all users."""
        Grpc.channel = Grpc.channel or triton.InferenceServerClient(self.environment.parsed_options.grpc_url)
        super().on_start()

    @task  # type: ignore[untyped-decorator]  # Locust is not typed
    def send(self) -> None:
        """One call."""
        assert self.calls is not None
        call = self.calls.draw()
        begin = time.perf_counter()
        failure: Exception | None = None
        try:
            given = dict(call.parameters)
            self.channel.infer(call.model, tensors(triton, call.inputs), parameters=given, headers=key_headers())
        except InferenceServerException as error:
            busy = error.status() == "StatusCode.UNAVAILABLE"
            failure = TooMany(error.message()) if busy else error
        self.environment.events.request.fire(
            request_type="gRPC",
            name=f"{call.name} (gRPC)",
            response_time=(time.perf_counter() - begin) * 1000,
            response_length=0,
            exception=failure,
            context={},
        )


def packed(call: Call) -> tuple[bytes, bytes]:
    """Return the JSON header and the binary tensors of a call."""
    parts = {
        name: serialize_byte_tensor(array).item() if array.dtype == object else np.ascontiguousarray(array).tobytes()
        for name, array in call.inputs.items()
    }
    inputs = [
        {
            "name": name,
            "datatype": np_to_triton_dtype(array.dtype),
            "shape": list(array.shape),
            "parameters": {"binary_data_size": len(parts[name])},
        }
        for name, array in call.inputs.items()
    ]
    header = {"inputs": inputs, "parameters": {**call.parameters, "binary_data_output": True}}
    return json.dumps(header).encode(), b"".join(parts.values())


def _reason(reply: Any) -> str:
    try:
        return str(json.loads(reply.text)["error"])
    except (ValueError, KeyError, TypeError):
        return str(getattr(reply, "error", "") or "no reason given")
