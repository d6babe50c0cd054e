"""Calls over gRPC, blocking and asyncio."""

from __future__ import annotations

from typing import Any

import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException

from whatsit_client.errors import WhatsitError
from whatsit_client.options import Parameters
from whatsit_client.tensors import Tensors
from whatsit_client.transport.address import Address
from whatsit_client.transport.faults import answered

# gRPC's own pause between connection attempts starts at a second, longer than all our retries together.
_CHANNEL = [
    ("grpc.max_send_message_length", 2**31 - 1),
    ("grpc.max_receive_message_length", 2**31 - 1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 1000),
]


def _inputs(image: bytes) -> list[Any]:
    tensor = triton.InferInput("IMAGE", [len(image)], "UINT8")
    tensor.set_data_from_numpy(np.frombuffer(image, np.uint8))
    return [tensor]


def _outputs(result: Any) -> Tensors:
    return {output.name: result.as_numpy(output.name) for output in result.get_response().outputs}


class GrpcTransport:
    """A gRPC channel; safe to share between threads."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._client = triton.InferenceServerClient(address.place, ssl=address.secure, channel_args=_CHANNEL)

    def infer(self, model: str, image: bytes, parameters: Parameters, timeout: float) -> Tensors:
        """Call one model; a `WhatsitError` says what went wrong."""
        try:
            result = self._client.infer(model, _inputs(image), client_timeout=timeout, parameters=parameters)
        except InferenceServerException as error:
            raise self._fault(error, timeout) from error
        return _outputs(result)

    def is_ready(self, model: str, timeout: float) -> bool:
        """Whether the model takes calls."""
        try:
            return bool(self._client.is_model_ready(model, client_timeout=timeout))
        except InferenceServerException as error:
            raise self._fault(error, timeout) from error

    def close(self) -> None:
        """Close the channel."""
        self._client.close()

    def _fault(self, error: InferenceServerException, timeout: float) -> WhatsitError:
        return answered(self._address, timeout, error.status(), error.message())


class AsyncGrpcTransport:
    """A gRPC channel of the running event loop."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._client = triton_aio.InferenceServerClient(address.place, ssl=address.secure, channel_args=_CHANNEL)

    async def infer(self, model: str, image: bytes, parameters: Parameters, timeout: float) -> Tensors:
        """Call one model; a `WhatsitError` says what went wrong."""
        try:
            result = await self._client.infer(model, _inputs(image), client_timeout=timeout, parameters=parameters)
        except InferenceServerException as error:
            raise self._fault(error, timeout) from error
        return _outputs(result)

    async def is_ready(self, model: str, timeout: float) -> bool:
        """Whether the model takes calls."""
        try:
            return bool(await self._client.is_model_ready(model, client_timeout=timeout))
        except InferenceServerException as error:
            raise self._fault(error, timeout) from error

    async def close(self) -> None:
        """Close the channel."""
        await self._client.close()

    def _fault(self, error: InferenceServerException, timeout: float) -> WhatsitError:
        return answered(self._address, timeout, error.status(), error.message())
