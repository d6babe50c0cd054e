"""Calls over gRPC, blocking and asyncio.

A call that takes too long is left to end by itself, not cancelled, and no deadline goes on the wire: Triton 2.51, which
is the wheel's, crashes when calls of `ModelInfer` are cancelled or pass their deadline (its issues #7368 and #8034;
seen here within 200 such calls).
"""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import Any

import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException

from whatsit_client.calls import Parameters
from whatsit_client.errors import Unavailable, WhatsitError
from whatsit_client.tensors import Tensors
from whatsit_client.transport.address import Address
from whatsit_client.transport.infer_inputs import to_infer_inputs
from whatsit_client.transport.transport_errors import error_from_status, timeout_error

# gRPC's own pause between connection attempts starts at a second, longer than all our retries together.
_CHANNEL = [
    ("grpc.max_send_message_length", 2**31 - 1),
    ("grpc.max_receive_message_length", 2**31 - 1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 1000),
]
# Closing a channel cancels its open calls: seconds that abandoned calls have to end first.
_GRACE = 2.0


def _outputs(result: Any) -> Tensors:
    return {output.name: result.as_numpy(output.name) for output in result.get_response().outputs}


class GrpcTransport:
    """A gRPC channel; safe to share between threads."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._client = triton.InferenceServerClient(address.place, ssl=address.secure, channel_args=_CHANNEL)
        self._open = 0
        self._ended = threading.Condition()

    def infer(self, model: str, inputs: Tensors, parameters: Parameters, timeout: float) -> Tensors:
        """Call one model; raises `WhatsitError`."""
        answers: queue.SimpleQueue[tuple[Any, InferenceServerException | None]] = queue.SimpleQueue()

        def done(result: Any, error: InferenceServerException | None) -> None:
            answers.put((result, error))
            self._count(-1)

        tensors = to_infer_inputs(triton.InferInput, inputs)
        self._count(+1)
        try:
            self._client.async_infer(model, tensors, done, parameters=parameters, headers=self._address.headers)
        except (InferenceServerException, ValueError) as error:  # gRPC has only a ValueError for a closed channel
            self._count(-1)
            raise Unavailable(f"The call to {self._address} could not be made ({error}): open a new client.") from error
        try:
            result, refusal = answers.get(timeout=timeout)
        except queue.Empty:
            raise timeout_error(self._address, timeout) from None
        if refusal is not None:
            raise self._fault(refusal, timeout) from refusal
        return _outputs(result)

    def is_ready(self, model: str, timeout: float) -> bool:
        """Return whether the model is ready."""
        try:
            return bool(self._client.is_model_ready(model, headers=self._address.headers, client_timeout=timeout))
        except InferenceServerException as error:
            raise self._fault(error, timeout) from error

    def close(self) -> None:
        """Close the channel after abandoned calls had time to end."""
        with self._ended:
            self._ended.wait_for(lambda: self._open == 0, _GRACE)
        self._client.close()

    def _count(self, change: int) -> None:
        with self._ended:
            self._open += change
            self._ended.notify_all()

    def _fault(self, error: InferenceServerException, timeout: float) -> WhatsitError:
        return error_from_status(self._address, timeout, error.status(), error.message())


class AsyncGrpcTransport:
    """A gRPC channel of the running event loop."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._client = triton_aio.InferenceServerClient(address.place, ssl=address.secure, channel_args=_CHANNEL)
        self._open: set[asyncio.Task[Any]] = set()

    async def infer(self, model: str, inputs: Tensors, parameters: Parameters, timeout: float) -> Tensors:
        """Call one model; raises `WhatsitError`."""
        tensors = to_infer_inputs(triton.InferInput, inputs)
        call = asyncio.ensure_future(
            self._client.infer(model, tensors, parameters=parameters, headers=self._address.headers)
        )
        self._open.add(call)
        call.add_done_callback(self._forget)
        await asyncio.wait({call}, timeout=timeout)  # unlike wait_for it leaves the call alone
        if not call.done():
            raise timeout_error(self._address, timeout)
        try:
            return _outputs(call.result())
        except InferenceServerException as error:
            raise self._fault(error, timeout) from error

    async def is_ready(self, model: str, timeout: float) -> bool:
        """Return whether the model is ready."""
        try:
            return bool(await self._client.is_model_ready(model, headers=self._address.headers, client_timeout=timeout))
        except InferenceServerException as error:
            raise self._fault(error, timeout) from error

    async def close(self) -> None:
        """Close the channel after abandoned calls had time to end."""
        if self._open:
            await asyncio.wait(self._open, timeout=_GRACE)
        await self._client.close()

    def _forget(self, call: asyncio.Task[Any]) -> None:
        self._open.discard(call)
        if not call.cancelled():
            call.exception()  # retrieved, so that asyncio does not warn about abandoned calls

    def _fault(self, error: InferenceServerException, timeout: float) -> WhatsitError:
        return error_from_status(self._address, timeout, error.status(), error.message())
