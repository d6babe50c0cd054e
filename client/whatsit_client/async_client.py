"""The asyncio client of a Whatsit server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from tenacity import AsyncRetrying

from whatsit_client.calls import Call
from whatsit_client.client import Client
from whatsit_client.encode import ImageLike
from whatsit_client.errors import Unavailable
from whatsit_client.retry_policy import Deadline, RetryPolicy
from whatsit_client.tensors import Tensors
from whatsit_client.transport.address import Address
from whatsit_client.transport.port_hint import with_hint
from whatsit_client.transport.transport_errors import ConnectionLost, parse_reply

if TYPE_CHECKING:
    from whatsit_client.transport.over_grpc import AsyncGrpcTransport
    from whatsit_client.transport.over_http import AsyncHttpTransport

Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")


def _coroutine(
    method: Callable[Concatenate[Any, Arguments], Value],
) -> Callable[Concatenate[AsyncClient, Arguments], Coroutine[Any, Any, Value]]:
    """Return a method of `Client` for `AsyncClient`, whose `_send` is a coroutine."""
    return cast("Callable[Concatenate[AsyncClient, Arguments], Coroutine[Any, Any, Value]]", method)


class AsyncClient:
    """The calls of `Client` as coroutines; arguments, results and errors are the same.

    An instance belongs to one event loop.

    Example:
        >>> async with AsyncClient("localhost:8001") as client:  # doctest: +SKIP
        ...     results = await asyncio.gather(*(client.identify(path) for path in paths))
    """

    def __init__(
        self,
        url: str | None = None,
        protocol: str | None = None,
        *,
        key: str | None = None,
        timeout: float = 30.0,
        retries: int = 2,
    ) -> None:
        self.address = Address.parse(url, protocol, key)
        self._policy = RetryPolicy(timeout, retries)
        self._connection: AsyncGrpcTransport | AsyncHttpTransport | None = None

    identify = _coroutine(Client.identify)
    embed = _coroutine(Client.embed)
    detect = _coroutine(Client.detect)
    upsert = _coroutine(Client.upsert)
    delete = _coroutine(Client.delete)
    get = _coroutine(Client.get)
    similar = _coroutine(Client.similar)
    scenes = _coroutine(Client.scenes)
    feedback = _coroutine(Client.feedback)
    stats = _coroutine(Client.stats)

    async def is_ready(self, timeout: float = 2.0) -> bool:
        """Return whether the server accepts calls of `identify`."""
        try:
            return await self._transport().is_ready("identify", timeout)
        except Unavailable:
            return False

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(
        self, build: Callable[[], Call[Value]], timeout: float | None, image: ImageLike | None = None
    ) -> Value:
        # Files are read and pixels encoded in a thread, so that the loop goes on meanwhile.
        call = build() if image is None or isinstance(image, bytes) else await asyncio.to_thread(build)
        seconds = self._policy.timeout if timeout is None else timeout
        deadline = Deadline(seconds)

        async def attempt() -> Tensors:
            return await self._transport().infer(call.model, call.inputs, call.parameters, deadline.remaining())

        try:
            reply: Tensors = await AsyncRetrying(**self._policy.options(seconds))(attempt)
        except ConnectionLost as error:
            raise await asyncio.to_thread(with_hint, self.address, error) from error
        return parse_reply(call.read, reply, self.address)

    def _transport(self) -> AsyncGrpcTransport | AsyncHttpTransport:
        """Return the connection, which asyncio requires to be made inside its loop."""
        if self._connection is None:
            if self.address.protocol == "grpc":
                from whatsit_client.transport.over_grpc import AsyncGrpcTransport

                self._connection = AsyncGrpcTransport(self.address)
            else:
                from whatsit_client.transport.over_http import AsyncHttpTransport

                self._connection = AsyncHttpTransport(self.address)
        return self._connection
