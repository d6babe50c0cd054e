"""Admission of gRPC calls: by key, before their messages are read.

A unary call is answered here as one whose request is a stream of one message, which looks the same on the wire: gRPC
then begins with the metadata alone, and the message is fetched, or left to flow control, by `Admission`.

What gRPC's API for Python does not let a server bound: the number of connections, of all or of one address, and the
memory of a message that arrives. A stream that is not read holds one flow-control window; a refused one is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote

import grpc
import grpc.aio
from whatsit_client.errors import WhatsitError

from whatsit.gateway import metrics
from whatsit.gateway.access import Access, Caller
from whatsit.gateway.problems import Problem
from whatsit.gateway.settings import Limits

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
CALLER: ContextVar[Caller] = ContextVar("caller")  # of the call that is being answered

ROUTES = {
    "ModelInfer": "infer",
    "ModelReady": "ready",
    "ModelConfig": "config",
    "ModelStatistics": "stats",
    "ModelMetadata": "metadata",
    "ServerMetadata": "metadata",
}
_OPEN = ("ServerLive", "ServerReady")  # need no key, and nothing of their messages
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
Method = Callable[[Any, Any], Awaitable[Any]]


class Admission(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # gRPC has no types
    """Admits callers by their metadata, then reads their messages.

    Args:
        access: admits callers.
        limits: of requests.
    """

    def __init__(self, access: Access, limits: Limits) -> None:
        self._access = access
        self._messages = Messages(limits)

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> grpc.RpcMethodHandler | None:
        """Return what answers a call."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        name = str(handler_call_details.method).rsplit("/", 1)[-1]
        if name in ROUTES:
            answer = self._admitted(handler.unary_unary, ROUTES[name])
        else:
            answer = _unread(handler.unary_unary if name in _OPEN else _closed)
        return grpc.stream_unary_rpc_method_handler(answer, handler.request_deserializer, handler.response_serializer)

    def _admitted(self, method: Method, route: str) -> Method:
        async def answer(requests: Any, context: Context) -> Any:
            status = 500
            try:
                metadata = {str(name): value for name, value in context.invocation_metadata() or ()}
                given = metadata.get("authorization") or metadata.get("x-api-key")
                caller = self._access.admit(None if given is None else str(given), address_of(context.peer()))
                CALLER.set(caller)
                async with self._messages.read(caller, context) as request:
                    reply = await method(request, context)
                status = 200
                return reply
            except Problem as problem:
                status = problem.status
                await _refuse(context, problem)
            except WhatsitError as error:
                status = Problem.of(error).status
                await _refuse(context, Problem.of(error))
            finally:
                metrics.REQUESTS.labels("grpc", route, str(status)).inc()
            raise AssertionError  # abort raises

        return answer


@dataclass
class _Share:
    """Of one caller in the messages that are read at once."""

    slots: asyncio.Semaphore
    users: int = 0


class Messages:
    """Reads messages, few at once, and counts their bytes while they are answered.

    The size of a message is not known before it is whole: so many are read at once as `bodies_bytes` has room for,
    half of them of one caller. Others wait, as many as may be in flight; flow control holds their senders back.

    Args:
        limits: of requests.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        most = max(limits.bodies_bytes // limits.body_bytes, 1)
        self._slots, self._half = asyncio.Semaphore(most), max(most // 2, 1)
        self._shares: dict[str, _Share] = {}
        self._reads: set[asyncio.Task[Any]] = set()
        self._bytes = 0

    @asynccontextmanager
    async def read(self, caller: Caller, context: Context) -> AsyncIterator[Any]:
        """Give a call's message, which is counted until it is answered.

        Raises:
            Problem: 400 without a message, 408 where it takes too long, 503 where the server holds too much.
        """
        end = asyncio.get_running_loop().time() + self._limits.body_seconds
        async with self._slot(caller.id or caller.address, end):
            request = await self._receive(context, end)
        if request is grpc.aio.EOF:
            raise Problem(400, "The call has no message, or an unfinished one.")
        size = request.ByteSize()
        if self._bytes + size > self._limits.bodies_bytes:
            metrics.REFUSED.labels("bodies").inc()
            raise Problem(503, "The server holds more requests than it has memory for.")
        self._bytes += size
        try:
            yield request
        finally:
            self._bytes -= size

    @asynccontextmanager
    async def _slot(self, who: str, end: float) -> AsyncIterator[None]:
        share = self._shares.setdefault(who, _Share(asyncio.Semaphore(self._half)))
        share.users += 1
        try:
            if share.users > self._limits.in_flight_per_caller or self._users() > self._limits.in_flight:
                metrics.REFUSED.labels("in flight").inc()
                raise Problem(503, "The server has more requests than it can answer: try again later.")
            async with _acquired(share.slots, end), _acquired(self._slots, end):
                yield
        finally:
            share.users -= 1
            if not share.users:
                del self._shares[who]

    def _users(self) -> int:
        return sum(share.users for share in self._shares.values())

    async def _receive(self, context: Context, end: float) -> Any:
        read = asyncio.ensure_future(context.read())
        self._reads.add(read)
        read.add_done_callback(self._ended)  # not cancelled: it ends with the call
        await asyncio.wait({read}, timeout=end - asyncio.get_running_loop().time())
        if not read.done():
            metrics.REFUSED.labels("slow").inc()
            raise Problem(408, f"The message did not arrive within {self._limits.body_seconds:g} seconds.")
        return read.result()

    def _ended(self, read: asyncio.Task[Any]) -> None:
        self._reads.discard(read)
        if not read.cancelled():
            read.exception()  # retrieved, so that asyncio does not warn about refused calls


def address_of(peer: str) -> str:
    """Return the IP address in gRPC's peer, such as ipv6:%5B::1%5D:1234."""
    kind, _, rest = peer.partition(":")
    return unquote(rest.rsplit(":", 1)[0]).strip("[]") if kind in ("ipv4", "ipv6") else peer


@asynccontextmanager
async def _acquired(slots: asyncio.Semaphore, end: float) -> AsyncIterator[None]:
    try:
        await asyncio.wait_for(slots.acquire(), end - asyncio.get_running_loop().time())
    except asyncio.TimeoutError as error:
        metrics.REFUSED.labels("bodies").inc()
        raise Problem(503, "The server reads as many messages as it has memory for: try again later.") from error
    try:
        yield
    finally:
        slots.release()


def _unread(method: Method) -> Method:
    async def answer(requests: Any, context: Context) -> Any:
        return await method(None, context)

    return answer


async def _closed(request: Any, context: Context) -> Any:
    await _refuse(context, Problem(501, "This part of Triton's protocol is closed here."))


async def _refuse(context: Context, problem: Problem) -> None:
    await context.abort(_CODES.get(problem.status, grpc.StatusCode.INTERNAL), problem.detail)
