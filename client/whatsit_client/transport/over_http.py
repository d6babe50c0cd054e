"""Calls over HTTP, blocking and asyncio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import aiohttp
import gevent
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from geventhttpclient.response import HTTPParseError
from tritonclient.utils import InferenceServerException

from whatsit_client.calls import Parameters
from whatsit_client.tensors import Tensors
from whatsit_client.transport.address import Address
from whatsit_client.transport.infer_inputs import to_infer_inputs
from whatsit_client.transport.transport_errors import connection_error, error_from_status, protocol_error, timeout_error

Value = TypeVar("Value")


def _outputs(result: Any) -> Tensors:
    return {output["name"]: result.as_numpy(output["name"]) for output in result.get_response()["outputs"]}


class HttpTransport:
    """HTTP connections, one per thread, as tritonclient's HTTP client requires."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._local = threading.local()

    def infer(self, model: str, inputs: Tensors, parameters: Parameters, timeout: float) -> Tensors:
        """Call one model; raises `WhatsitError`."""
        tensors = to_infer_inputs(triton.InferInput, inputs)
        return self._call(
            lambda client: _outputs(client.infer(model, tensors, parameters=parameters, headers=self._address.headers)),
            timeout,
        )

    def is_ready(self, model: str, timeout: float) -> bool:
        """Return whether the model is ready."""
        return self._call(lambda client: bool(client.is_model_ready(model, headers=self._address.headers)), timeout)

    def close(self) -> None:
        """Close this thread's connection; others close when their threads end."""
        client = self._local.__dict__.pop("client", None)
        if client is not None:
            client.close()

    def _call(self, call: Callable[[triton.InferenceServerClient], Value], timeout: float) -> Value:
        deadline = gevent.Timeout.start_new(timeout)
        try:
            return call(self._client())
        except gevent.Timeout as error:
            self.close()
            if error is not deadline:
                raise
            raise timeout_error(self._address, timeout) from error
        except InferenceServerException as error:
            raise error_from_status(self._address, timeout, error.status(), error.message()) from error
        except (OSError, HTTPParseError) as error:
            self.close()
            raise connection_error(self._address, error) from error
        except (LookupError, TypeError, ValueError) as error:
            self.close()
            raise protocol_error(self._address, error) from error
        finally:
            deadline.close()

    def _client(self) -> triton.InferenceServerClient:
        if not hasattr(self._local, "client"):
            # The deadline of `_call` bounds a call as a whole; the socket's own time-outs bound single reads.
            self._local.client = triton.InferenceServerClient(
                self._address.place, ssl=self._address.secure, connection_timeout=None, network_timeout=None
            )
        return self._local.client


class AsyncHttpTransport:
    """The HTTP connections of the running event loop."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._client = triton_aio.InferenceServerClient(
            address.place, ssl=address.secure, conn_timeout=None, ssl_context=True if address.secure else None
        )

    async def infer(self, model: str, inputs: Tensors, parameters: Parameters, timeout: float) -> Tensors:
        """Call one model; raises `WhatsitError`."""
        tensors = to_infer_inputs(triton.InferInput, inputs)

        async def call() -> Tensors:
            return _outputs(
                await self._client.infer(model, tensors, parameters=parameters, headers=self._address.headers)
            )

        return await self._call(call(), timeout)

    async def is_ready(self, model: str, timeout: float) -> bool:
        """Return whether the model is ready."""
        return bool(await self._call(self._client.is_model_ready(model, headers=self._address.headers), timeout))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _call(self, call: Awaitable[Value], timeout: float) -> Value:
        try:
            return await asyncio.wait_for(call, timeout)
        except asyncio.TimeoutError as error:
            raise timeout_error(self._address, timeout) from error
        except InferenceServerException as error:
            raise error_from_status(self._address, timeout, error.status(), error.message()) from error
        except (OSError, aiohttp.ClientError) as error:
            raise connection_error(self._address, error) from error
        except (LookupError, TypeError, ValueError) as error:
            raise protocol_error(self._address, error) from error
