"""The asyncio client of a Whatsit server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from tenacity import AsyncRetrying

from whatsit_client import calls, catalogue_calls
from whatsit_client.calls import Call, IdentifyOptions, RegionOptions
from whatsit_client.catalogue_calls import CatalogueStats
from whatsit_client.encode import ImageLike
from whatsit_client.errors import Unavailable
from whatsit_client.identification import Embedding, Identification
from whatsit_client.retry_policy import Deadline, RetryPolicy
from whatsit_client.tensors import Tensors
from whatsit_client.transport.address import Address
from whatsit_client.transport.transport_errors import parse_reply
from whatsit_client.types import Item, Region

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from typing_extensions import Unpack

    from whatsit_client.transport.over_grpc import AsyncGrpcTransport
    from whatsit_client.transport.over_http import AsyncHttpTransport

Value = TypeVar("Value")


class AsyncClient:
    """The calls of `Client` as coroutines; arguments, results and errors are the same.

    An instance belongs to one event loop.

    Example:
        >>> async with AsyncClient("localhost:8001") as client:  # doctest: +SKIP
        ...     results = await asyncio.gather(*(client.identify(path) for path in paths))
    """

    def __init__(
        self, url: str | None = None, protocol: str | None = None, *, timeout: float = 30.0, retries: int = 2
    ) -> None:
        self.address = Address.parse(url, protocol)
        self._policy = RetryPolicy(timeout, retries)
        self._connection: AsyncGrpcTransport | AsyncHttpTransport | None = None

    async def identify(
        self, image: ImageLike, *, timeout: float | None = None, **options: Unpack[IdentifyOptions]
    ) -> Identification:
        """Identify what is in a picture; see `Client.identify`."""
        return await self._send(partial(calls.identify, image, **options), timeout, image)

    async def embed(
        self, image: ImageLike, *, timeout: float | None = None, **options: Unpack[RegionOptions]
    ) -> Embedding:
        """Return the vectors of a picture's regions; see `Client.embed`."""
        return await self._send(partial(calls.embed, image, **options), timeout, image)

    async def detect(
        self, image: ImageLike, *, timeout: float | None = None, **options: Unpack[RegionOptions]
    ) -> tuple[Region, ...]:
        """Return a picture's regions; see `Client.detect`."""
        return await self._send(partial(calls.detect, image, **options), timeout, image)

    async def upsert(
        self,
        item: Item | Mapping[str, Any],
        image: ImageLike | None = None,
        *,
        vectors: Sequence[Sequence[float]] | npt.NDArray[np.float32] | None = None,
        timeout: float | None = None,
    ) -> str:
        """Add an item to the server's catalogue or replace it; see `Client.upsert`."""
        return await self._send(partial(catalogue_calls.upsert, item, image, vectors), timeout, image)

    async def delete(self, *ids: str, timeout: float | None = None) -> tuple[str, ...]:
        """Delete items by id and return the unknown ids; see `Client.delete`."""
        return await self._send(partial(catalogue_calls.delete, ids), timeout)

    async def get(self, id: str, timeout: float | None = None) -> Item:
        """Return an item of the catalogue; see `Client.get`."""
        return await self._send(partial(catalogue_calls.get, id), timeout)

    async def feedback(
        self, image: ImageLike, id: str, box: Sequence[float] | None = None, timeout: float | None = None
    ) -> int:
        """Record which item a person chose for a photo; see `Client.feedback`."""
        return await self._send(partial(catalogue_calls.feedback, image, id, box), timeout, image)

    async def stats(self, timeout: float | None = None) -> CatalogueStats:
        """Return the catalogue's state; see `Client.stats`."""
        return await self._send(catalogue_calls.stats, timeout)

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

        reply: Tensors = await AsyncRetrying(**self._policy.options(seconds))(attempt)
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
