"""HTTP connections with limits on time, number and size, for uvicorn."""

from __future__ import annotations

import asyncio
import http
from collections import Counter
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from whatsit.gateway import metrics
from whatsit.gateway.settings import Limits

_MAX_HEADERS = 100
_FREE_CHUNKS = 1000  # of any size; more of them must hold so many bytes each on average:
_LEAST_CHUNK = 64


class LimitedProtocol(HttpToolsProtocol):
    """A connection that is closed where its caller is too slow or sends too much.

    uvicorn bounds neither headers, nor the time to send them, nor the number of chunks.
    """

    limits = Limits()
    _addresses: ClassVar[Counter[str]] = Counter()
    _deadline: asyncio.TimerHandle | None = None
    _header_bytes = _chunks = _body_bytes = 0
    _counted = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begin the time for the first headers; refuse a connection too many."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        self._addresses[address] += 1
        self._counted = True
        metrics.CONNECTIONS.inc()
        full = len(self.connections) > self.limits.connections
        if full or self._addresses[address] > self.limits.connections_per_address:
            self._refuse(503, "Too many connections.", "connections")
            return
        self._expect(self.limits.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._expect(None)
        if self._counted:
            self._counted = False
            address = self.client[0] if self.client else ""
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]
            metrics.CONNECTIONS.dec()

    def data_received(self, data: bytes) -> None:
        """Read what came; the rest of a body has `idle_seconds` to follow."""
        if self.transport.is_closing():
            return
        if self._body_deadline is not None:
            self._expect(min(self.limits.idle_seconds, self._body_deadline - self.loop.time()))
        try:
            super().data_received(data)
        except (AttributeError, httptools.HttpParserError):
            if self.parser is not None and not self.transport.is_closing():
                raise  # not the end of the connection amid its data

    _body_deadline: float | None = None

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._header_bytes = self._chunks = self._body_bytes = 0
        if self._deadline is None:
            self._expect(self.limits.header_seconds)

    def on_url(self, url: bytes) -> None:
        """Count the URL as a part of the headers."""
        self._count_header(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header."""
        self._count_header(len(name) + len(value) + 4)
        if len(self.headers) >= _MAX_HEADERS:
            self._refuse(431, "The request has too many headers.", "headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin the time for the body."""
        if self.transport.is_closing():
            return
        self._body_deadline = self.loop.time() + self.limits.body_seconds
        self._expect(self.limits.idle_seconds)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count a part of the body."""
        self._chunks += 1
        self._body_bytes += len(body)
        if self._chunks > _FREE_CHUNKS and self._body_bytes < self._chunks * _LEAST_CHUNK:
            self._refuse(400, "The body comes in too many small chunks.", "chunks")
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the time for the body."""
        self._expect(None)
        self._body_deadline = None
        if not self.transport.is_closing():
            super().on_message_complete()

    def _count_header(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > self.limits.header_bytes:
            self._refuse(431, f"The headers are longer than {self.limits.header_bytes} bytes.", "headers")

    def _expect(self, seconds: float | None) -> None:
        """Close the connection after so many seconds; None for never."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(max(seconds, 0.0), self._too_slow)

    def _too_slow(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self._refuse(408, "The request did not come in time.", "slow")

    def _refuse(self, status: int, sentence: str, reason: str) -> None:
        """Send a refusal, unless a reply has begun, and close."""
        if self.transport.is_closing():
            return
        metrics.REFUSED.labels(reason).inc()
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(_refusal(status, sentence))
        self.transport.close()


def _refusal(status: int, sentence: str) -> bytes:
    text = f'{{"status":{status},"detail":"{sentence}","error":"{sentence}"}}'.encode()
    head = (
        f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\ncontent-type: application/problem+json\r\n"
        f"content-length: {len(text)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + text


def limited_protocol(limits: Limits) -> type[Any]:
    """Return the protocol class with these limits."""
    return type("LimitedProtocol", (LimitedProtocol,), {"limits": limits, "_addresses": Counter()})
