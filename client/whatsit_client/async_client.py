"""Calls to a running Whatsit server over asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from whatsit_client import catalogue_calls as changes
from whatsit_client import tensors
from whatsit_client.call_options import Parameters, parameters
from whatsit_client.catalogue_calls import CatalogueStats
from whatsit_client.encode import ImageLike, encode
from whatsit_client.errors import Unavailable
from whatsit_client.retry_policy import Patience
from whatsit_client.tensors import Tensors, image_input
from whatsit_client.transport.address import Address
from whatsit_client.transport.transport_errors import Busy, ConnectionLost, understood
from whatsit_client.types import Embedding, Identification, Item, Region

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from whatsit_client.transport.over_grpc import AsyncGrpcTransport
    from whatsit_client.transport.over_http import AsyncHttpTransport

Value = TypeVar("Value")


class AsyncClient:
    """The same calls as `Client`, to be awaited; it belongs to one event loop.

    Example:
        >>> async with AsyncClient("localhost:8001") as client:  # doctest: +SKIP
        ...     results = await asyncio.gather(*(client.identify(path) for path in paths))

    Args:
        url: host:port of the server, perhaps with a scheme (grpc, grpcs, http, https); localhost by default.
        protocol: "grpc" or "http"; a scheme in the url goes before it.
        timeout: seconds that a call may take, tries included.
        retries: how often a call is tried again after the connection was lost or the server had too much to do.
            Nothing else is tried again.

    Raises:
        InvalidInput: the url or the protocol is none.
    """

    def __init__(
        self, url: str | None = None, protocol: str | None = None, *, timeout: float = 30.0, retries: int = 2
    ) -> None:
        self.address = Address.parse(url, protocol)
        self._patience = Patience(timeout, retries)
        self._connection: AsyncGrpcTransport | AsyncHttpTransport | None = None

    async def identify(
        self,
        image: ImageLike,
        *,
        top_k: int | None = None,
        boxes: Sequence[Sequence[float]] | None = None,
        where: Mapping[str, Any] | str | None = None,
        min_score: float | None = None,
        rerank: Sequence[str] | str | None = None,
        text: str | None = None,
        gate: bool | None = None,
        timeout: float | None = None,
        min_rank: float | None = None,
    ) -> Identification:
        """Say what is in a picture and which items of the catalogue it is; see `Client.identify`."""
        options = parameters(
            top_k=top_k,
            boxes=boxes,
            where=where,
            min_score=min_rank if min_score is None else min_score,
            rerank=rerank,
            text=text,
            gate=gate,
        )
        return await self._look("identify", image, options, tensors.read_identification, timeout)

    async def embed(
        self,
        image: ImageLike,
        *,
        boxes: Sequence[Sequence[float]] | None = None,
        gate: bool | None = None,
        timeout: float | None = None,
    ) -> Embedding:
        """Give the vectors of a picture's regions; see `Client.embed`."""
        return await self._look("embed", image, parameters(boxes=boxes, gate=gate), tensors.read_embedding, timeout)

    async def detect(
        self,
        image: ImageLike,
        *,
        boxes: Sequence[Sequence[float]] | None = None,
        gate: bool | None = None,
        timeout: float | None = None,
    ) -> tuple[Region, ...]:
        """Give a picture's regions, the whole picture first; see `Client.detect`."""
        return await self._look("detect", image, parameters(boxes=boxes, gate=gate), tensors.read_detection, timeout)

    async def upsert(
        self,
        item: Item | Mapping[str, Any],
        image: ImageLike | None = None,
        *,
        vectors: Sequence[Sequence[float]] | npt.NDArray[np.float32] | None = None,
        timeout: float | None = None,
    ) -> str:
        """Add an item to the server's catalogue, or replace the one with its id; see `Client.upsert`."""
        data = None if image is None else await _encoded(image)
        inputs = changes.call("upsert", changes.new_item(item, vectors), data)
        return await self._call("catalogue", inputs, {}, changes.read_outcome, timeout)

    async def delete(self, *ids: str, timeout: float | None = None) -> tuple[str, ...]:
        """Delete items by id; returns those ids that were not there."""
        return await self._call("catalogue", changes.call("delete", {"ids": ids}), {}, changes.read_unknown, timeout)

    async def get(self, id: str, timeout: float | None = None) -> Item:
        """What the catalogue knows of an item; an unknown id is `InvalidInput`."""
        return await self._call("catalogue", changes.call("get", {"id": id}), {}, changes.read_item, timeout)

    async def feedback(
        self, image: ImageLike, id: str, box: Sequence[float] | None = None, timeout: float | None = None
    ) -> int:
        """Say which item a person chose for a photo; see `Client.feedback`."""
        inputs = changes.call("feedback", changes.choice(id, box), await _encoded(image))
        return await self._call("catalogue", inputs, {}, changes.read_clicks, timeout)

    async def stats(self, timeout: float | None = None) -> CatalogueStats:
        """How many items there are, and how many changes wait for `whatsit catalogue compact`."""
        return await self._call("catalogue", changes.call("stats", {}), {}, changes.read_stats, timeout)

    async def is_ready(self, timeout: float = 2.0) -> bool:
        """Whether the server answers and takes calls to `identify`."""
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

    async def _look(
        self,
        model: str,
        image: ImageLike,
        options: Parameters,
        read: Callable[[Tensors], Value],
        timeout: float | None,
    ) -> Value:
        return await self._call(model, image_input(await _encoded(image)), options, read, timeout)

    async def _call(
        self,
        model: str,
        inputs: Tensors,
        options: Parameters,
        read: Callable[[Tensors], Value],
        timeout: float | None,
    ) -> Value:
        tries = self._patience.start(timeout)
        while True:
            try:
                reply = await self._transport().infer(model, inputs, options, tries.remaining())
                break
            except (Busy, ConnectionLost) as error:
                pause = tries.pause(busy=isinstance(error, Busy))
                if pause is None:
                    raise
                await asyncio.sleep(pause)
        return understood(read, reply, self.address)

    def _transport(self) -> AsyncGrpcTransport | AsyncHttpTransport:
        """Connections of asyncio are made inside the loop that uses them."""
        if self._connection is None:
            if self.address.protocol == "grpc":
                from whatsit_client.transport.over_grpc import AsyncGrpcTransport

                self._connection = AsyncGrpcTransport(self.address)
            else:
                from whatsit_client.transport.over_http import AsyncHttpTransport

                self._connection = AsyncHttpTransport(self.address)
        return self._connection


async def _encoded(image: ImageLike) -> bytes:
    return image if isinstance(image, bytes) and image else await asyncio.to_thread(encode, image)
