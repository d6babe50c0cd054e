"""Triton behind the gateway: requests to it, held while it restarts."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import numpy as np
import numpy.typing as npt
from whatsit_client.errors import TimedOut, Unavailable

from whatsit.gateway import metrics
from whatsit.gateway.inference_request import InferenceRequest

Value = TypeVar("Value")

_POLL_SECONDS = 0.1
_NOT_READY_SECONDS = 2.0  # a connection that takes longer counts as lost
# Triton's last words where a step's process died: the request was not answered and the step is being replaced.
# A caller's words come back with 400, and what fails in a step that lives fails each time: neither is sent again.
_DEAD_STEP = re.compile(r"Stub process(?: '\w+')? is not healthy\.$")
_DTYPES: Mapping[str, str] = {"FP32": "<f4", "INT64": "<i8", "INT32": "<i4", "UINT8": "u1", "BOOL": "?"}


@dataclass(frozen=True)
class Reply:
    """A reply of Triton over HTTP.

    Args:
        status: of HTTP.
        body: as it came.
        header_length: bytes of JSON before the binary tensors; None where all is JSON.
        content_type: of the body.
    """

    status: int
    body: bytes
    header_length: int | None = None
    content_type: str = "application/json"

    @property
    def error(self) -> str:
        """Triton's sentence."""
        try:
            return str(json.loads(self.body)["error"])
        except (ValueError, KeyError, TypeError):
            return self.body.decode("utf-8", "replace")[:300]

    def outputs(self) -> tuple[dict[str, Any], list[tuple[dict[str, Any], bytes]]]:
        """Return the JSON and each output's description with its bytes."""
        header = json.loads(self.body[: self.header_length])
        start = self.header_length or len(self.body)
        found = []
        for output in header["outputs"]:
            size = output["parameters"].pop("binary_data_size")
            found.append((output, self.body[start : start + size]))
            start += size
        return header, found

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Return name -> array of every output."""
        return {output["name"]: _array(output, data) for output, data in self.outputs()[1]}


class Upstream:
    """HTTP connections to one Triton.

    A request that was begun is finished, whatever becomes of its caller: no cancellation and no deadline of a caller
    reaches Triton.

    Args:
        url: of its HTTP endpoint.
        headers: that open its restricted protocols.
        hold_seconds: a request waits so long for a Triton that is restarted.
        request_seconds: for an answer.
        most: requests that are sent at once; others wait.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str], hold_seconds: float, request_seconds: float, most: int
    ) -> None:
        self._url, self._headers = url.rstrip("/"), dict(headers)
        self._hold, self._limit = hold_seconds, request_seconds
        self._slots = asyncio.Semaphore(most)
        self._session: aiohttp.ClientSession | None = None
        self._running: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Make the connections' pool inside the running loop."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_NOT_READY_SECONDS),
            headers={**self._headers, "Accept-Encoding": "identity"},
            auto_decompress=False,
        )

    async def close(self) -> None:
        """Let running requests end, then close."""
        if self._running:
            await asyncio.wait(self._running, timeout=5.0)
        if self._session is not None:
            await self._session.close()

    async def finish(self, work: Coroutine[Any, Any, Value], gone: Callable[[], Awaitable[bool]]) -> Value:
        """Wait for a slot, then run work to its end even where the caller leaves.

        Args:
            work: sends one request.
            gone: tells whether the caller has left while it waited.

        Raises:
            TimedOut: it takes longer than a request may.
            Unavailable: the caller has left.
        """
        loop = asyncio.get_running_loop()
        begin = loop.time()
        try:
            await asyncio.wait_for(self._slots.acquire(), self._limit)
        except BaseException as error:
            work.close()  # it has not begun
            if isinstance(error, asyncio.TimeoutError):
                raise self._late() from error
            raise
        try:
            left = self._slots.locked() and await gone()
        except BaseException:
            work.close()
            self._slots.release()
            raise
        if left:
            work.close()
            self._slots.release()
            metrics.REFUSED.labels("left").inc()
            raise Unavailable("The caller has left.")
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        await asyncio.wait({task}, timeout=self._limit - (loop.time() - begin))
        if not task.done():
            raise self._late()
        return task.result()

    async def get(self, path: str) -> Reply:
        """Return a resource of Triton's HTTP API; status 503 where it does not answer."""
        try:
            async with self._open().get(self._url + path, timeout=aiohttp.ClientTimeout(total=10)) as reply:
                return Reply(reply.status, await reply.read(), None, reply.headers.get("Content-Type", "text/plain"))
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError):
            return Reply(503, b'{"error":"The server is starting: try again in some seconds."}')

    async def fetch(self, url: str) -> bytes:
        """Return the body at a URL, b"" where nothing answers."""
        try:
            async with self._open().get(url, timeout=aiohttp.ClientTimeout(total=5)) as reply:
                return await reply.read()
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError):
            return b""

    async def is_ready(self) -> bool:
        """Return whether Triton and all its models are ready."""
        return (await self.get("/v2/health/ready")).status == 200

    async def send(
        self, request: InferenceRequest, trace: str | None = None, model: Callable[[], str] | None = None
    ) -> Reply:
        """Send a request; while Triton or a step is away, wait and send it again.

        Args:
            request: checked.
            trace: W3C traceparent.
            model: gives Triton's name of the model, anew for each attempt; None for the request's own.

        Returns:
            Triton's reply, whatever its status.

        Raises:
            Unavailable: Triton was away for longer than requests are held.
        """
        body, header_length = request.encode()
        headers = {"Inference-Header-Content-Length": str(header_length), "Content-Type": "application/octet-stream"}
        if trace:
            headers["traceparent"] = trace
        loop = asyncio.get_running_loop()
        begin = loop.time()
        while True:
            sent, name = True, request.model if model is None else model()
            url = f"{self._url}/v2/models/{name}/infer"
            try:
                async with self._open().post(url, data=body, headers=headers) as answer:
                    reply = _reply(answer, await answer.read())
                if reply.status not in (500, 503) or not _DEAD_STEP.search(reply.error):
                    return reply
            except aiohttp.ClientConnectorError:
                sent = False
            except (aiohttp.ClientError, OSError):
                pass
            if sent and not request.repeatable:
                raise Unavailable("The server was interrupted; the choice may or may not be kept.")
            if loop.time() - begin >= self._hold:
                raise Unavailable("The server is restarting: try again in some seconds.")
            metrics.HELD.inc()
            await asyncio.sleep(_POLL_SECONDS)
            while loop.time() - begin < self._hold and not await self.is_ready():
                await asyncio.sleep(_POLL_SECONDS)

    def _late(self) -> TimedOut:
        return TimedOut(f"The request was not answered within {self._limit:g} seconds: try again later.")

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise Unavailable("The gateway is not open.")
        return self._session

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        self._slots.release()
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not warn about abandoned requests


def _reply(answer: aiohttp.ClientResponse, body: bytes) -> Reply:
    length = answer.headers.get("Inference-Header-Content-Length")
    kind = answer.headers.get("Content-Type", "application/json")
    return Reply(answer.status, body, None if length is None else int(length), kind)


def _array(output: Mapping[str, Any], data: bytes) -> npt.NDArray[Any]:
    if output["datatype"] != "BYTES":
        return np.frombuffer(data, _DTYPES[output["datatype"]]).reshape(output["shape"])
    texts, start = [], 0
    while start < len(data):
        end = start + 4 + int.from_bytes(data[start : start + 4], "little")
        texts.append(data[start + 4 : end])
        start = end
    return np.array(texts, dtype=object).reshape(output["shape"])
