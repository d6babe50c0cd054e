"""Users over gRPC, by tritonclient.

No call has a deadline and none is cancelled: Triton 2.51 may crash of either (its issues #7368 and #8034). So Locust is
to be run with a `--stop-timeout` in which open calls can end.
"""

from __future__ import annotations

import time
from typing import Any, ClassVar

import grpc.experimental.gevent
import tritonclient.grpc as triton
from locust import User, task
from tritonclient.utils import InferenceServerException

from perf.common.tensors import tensors
from perf.load.calls import Calls, open_calls
from perf.load.outcomes import TooMany
from perf.load.pacing import poisson

grpc.experimental.gevent.init_gevent()


class Grpc(User):  # type: ignore[misc]  # Locust is not typed
    """Calls with options, and changes of the catalogue; all users share one channel."""

    weight = 3
    calls: ClassVar[Calls | None] = None
    channel: ClassVar[Any] = None

    def wait_time(self) -> float:
        """Seconds until the next call."""
        return 0.0 if self.environment.parsed_options.shape == "closed" else poisson(self)

    def on_start(self) -> None:
        """Open what all users share; begin at a moment of one's own."""
        options = self.environment.parsed_options
        if Grpc.calls is None:
            Grpc.calls = open_calls(options)
            Grpc.channel = triton.InferenceServerClient(options.grpc_url)
        time.sleep(self.wait_time())  # gevent's

    @task  # type: ignore[untyped-decorator]  # Locust is not typed
    def send(self) -> None:
        """One call."""
        assert self.calls is not None
        call = self.calls.draw()
        begin = time.perf_counter()
        failure: Exception | None = None
        try:
            self.channel.infer(call.model, tensors(triton, call.inputs), parameters=dict(call.parameters))
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
