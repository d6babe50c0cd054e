"""Attacks by HTTP itself: framing, smuggling, slow senders, other hosts and origins."""

from __future__ import annotations

import socket
import time

from perf.gateway.attack import Attack, Send, picture, raw, request
from perf.gateway.target import Target, receive

_HEAD = b"Host: HOST\r\nAuthorization: Bearer KEY\r\n"
_BAD = ("400",)
_GONE = ("404",)


def _slow(target: Target) -> bytes:
    """Send a header line every second, without an end."""
    begin = time.monotonic()
    with socket.create_connection((target.host, target.port), 5.0) as connection:
        connection.sendall(b"GET /v1/items HTTP/1.1\r\n")
        while time.monotonic() - begin < 25:
            try:
                connection.sendall(b"X-A: b\r\n")
            except OSError:
                break
            connection.settimeout(1.0)
            try:
                if part := connection.recv(4096):
                    return part + receive(connection)
                break
            except TimeoutError:
                continue
            except OSError:
                break
    return b""


def _slow_body(target: Target) -> bytes:
    """Send a part of a body and wait."""
    head = f"POST /v1/identify HTTP/1.1\r\nHost: {target.host}:{target.port}\r\nContent-Length: 1000\r\n"
    head += f"Authorization: Bearer {target.keys['search']}\r\n\r\n"
    with socket.create_connection((target.host, target.port), 25.0) as connection:
        connection.sendall(head.encode() + b"x" * 10)
        return receive(connection)


def _chunks(size: int, count: int) -> Send:
    def send(target: Target) -> bytes:
        head = f"POST /v2/models/identify/infer HTTP/1.1\r\nHost: {target.host}:{target.port}\r\n"
        head += f"Authorization: Bearer {target.keys['search']}\r\nTransfer-Encoding: chunked\r\n\r\n"
        return target.send(head.encode() + (f"{size:x}\r\n".encode() + b"a" * size + b"\r\n") * count + b"0\r\n\r\n")

    return send


def _pipeline(target: Target) -> bytes:
    one = f"GET /v1/catalogues HTTP/1.1\r\nHost: {target.host}:{target.port}\r\nAuthorization: Bearer KEY\r\n\r\n"
    return target.send(one.replace("KEY", target.keys["search"]).encode() * 300)


HTTP = (
    Attack("a million chunks of a byte", _chunks(1, 1_000_000), ("400", "closed")),
    Attack("100,000 chunks of 10 bytes", _chunks(10, 100_000), ("400", "closed")),
    Attack(
        "header of 1 MB",
        raw(b"GET /v1/items HTTP/1.1\r\n" + _HEAD + b"X-A: " + b"a" * (1 << 20) + b"\r\n\r\n"),
        ("431", "400", "closed"),
    ),
    Attack(
        "10,000 headers",
        raw(b"GET /v1/items HTTP/1.1\r\n" + _HEAD + b"X-A: b\r\n" * 10_000 + b"\r\n"),
        ("431", "closed"),
    ),
    Attack(
        "address of 1 MB",
        raw(b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\n" + _HEAD + b"\r\n"),
        ("431", "400", "closed"),
    ),
    Attack("NUL in a header", raw(b"GET /v1/items HTTP/1.1\r\n" + _HEAD + b"X-A: a\x00b\r\n\r\n"), _BAD),
    Attack("NUL in the path", raw(b"GET /v1/\x00items HTTP/1.1\r\n" + _HEAD + b"\r\n"), _BAD),
    Attack("encoded NUL in an id", request("GET", "/v1/items/a%00b"), _BAD),
    Attack("encoded NUL in words", request("GET", "/v1/items?text=%00"), ("200", "400", "422")),
    Attack("../ in an id", request("GET", "/v1/items/..%2f..%2f..%2fetc%2fpasswd/image"), (*_GONE, *_BAD)),
    Attack("../ in the path", request("GET", "/v1/../../../../etc/passwd"), (*_GONE, *_BAD)),
    Attack(
        "both lengths (smuggling)",
        raw(
            b"POST /v1/identify HTTP/1.1\r\n" + _HEAD + b"Content-Length: 6\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n"
        ),
        _BAD,
    ),
    Attack(
        "two different lengths (smuggling)",
        raw(
            b"POST /v1/identify HTTP/1.1\r\n" + _HEAD + b"Content-Length: 4\r\n"
            b"Content-Length: 60\r\n\r\nabcdGET /metrics HTTP/1.1\r\n\r\n"
        ),
        _BAD,
    ),
    Attack(
        "unknown transfer encoding",
        raw(b"POST /v1/identify HTTP/1.1\r\n" + _HEAD + b"Transfer-Encoding: xchunked\r\n\r\nabcd"),
        _BAD,
    ),
    Attack(
        "space before the colon",
        raw(b"POST /v1/identify HTTP/1.1\r\n" + _HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
        _BAD,
    ),
    Attack("negative length", raw(b"POST /v1/identify HTTP/1.1\r\n" + _HEAD + b"Content-Length: -5\r\n\r\n"), _BAD),
    Attack(
        "length of 2^70",
        raw(b"POST /v1/identify HTTP/1.1\r\n" + _HEAD + b"Content-Length: " + str(1 << 70).encode() + b"\r\n\r\n"),
        _BAD,
    ),
    Attack(
        "stated length of 4 GB",
        raw(b"POST /v1/identify HTTP/1.1\r\n" + _HEAD + b"Content-Length: 4294967296\r\n\r\nabc"),
        ("413",),
    ),
    Attack(
        "chunk of 2^64 bytes",
        raw(b"POST /v1/identify HTTP/1.1\r\n" + _HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc"),
        _BAD,
    ),
    Attack("name of another host (DNS rebinding)", request("GET", "/v1/items", Host="evil.example"), ("421",)),
    Attack("page of another origin", picture("/v1/identify", Origin="https://evil.example"), ("403",)),
    Attack(
        "preflight of another origin", request("OPTIONS", "/v1/items", None, Origin="https://evil.example"), ("403",)
    ),
    Attack("TRACE", request("TRACE", "/v1/items"), ("405", "400")),
    Attack(
        "CONNECT", raw(b"CONNECT 169.254.169.254:80 HTTP/1.1\r\n" + _HEAD + b"\r\n"), ("400", "404", "405", "closed")
    ),
    Attack(
        "address of another server",
        raw(b"GET http://169.254.169.254/ HTTP/1.1\r\n" + _HEAD + b"\r\n"),
        ("200", "400", "404", "421"),  # the page of this server
    ),
    Attack("HTTP/0.9", raw(b"GET /v1/items\r\n\r\n"), ("400", "401", "closed")),
    Attack("bytes that are no HTTP", raw(bytes(range(256)) * 8), _BAD),
    Attack("TLS to the plain port", raw(bytes.fromhex("16030100c8010000c40303") + bytes(189)), _BAD),
    Attack(
        "upgrade to a web socket",
        raw(
            b"GET /v1/items HTTP/1.1\r\n" + _HEAD + b"Connection: Upgrade\r\nUpgrade: "
            b"websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        ),
        ("200", "400", "426", "closed"),
    ),
    Attack("300 requests in a row", _pipeline, ("200",)),
    Attack("headers without an end", _slow, ("408", "closed")),
    Attack("body without an end", _slow_body, ("408", "closed")),
)
