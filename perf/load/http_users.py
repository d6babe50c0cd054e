"""Locust users over HTTP: the bare picture, and binary tensors with a header."""

from __future__ import annotations

import json
import time
from typing import Any, ClassVar

import numpy as np
from locust import FastHttpUser, task
from tritonclient.utils import np_to_triton_dtype, serialize_byte_tensor

from perf.load.calls import Call, Calls, open_calls
from perf.load.outcomes import TooMany
from perf.load.pacing import poisson

_SECONDS = 120.0


class HttpUser(FastHttpUser):  # type: ignore[misc]  # Locust is not typed
    """What both have in common."""

    abstract = True
    network_timeout = connection_timeout = _SECONDS
    calls: ClassVar[Calls | None] = None

    def wait_time(self) -> float:
        """Seconds until the next call."""
        return 0.0 if self.environment.parsed_options.shape == "closed" else poisson(self)

    def on_start(self) -> None:
        """Read the pictures, once for all users; begin at a moment of one's own."""
        options = self.environment.parsed_options
        if HttpUser.calls is None:
            HttpUser.calls = open_calls(options)
        time.sleep(self.wait_time())  # gevent's

    def post(self, call: Call, header: bytes, body: bytes) -> None:
        """Send a call and say what came of it."""
        headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(header))}
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


def packed(call: Call) -> tuple[bytes, bytes]:
    """The JSON header and the binary tensors of a call."""
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
