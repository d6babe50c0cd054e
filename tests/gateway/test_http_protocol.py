"""Connections that are slow, many, or send too much, against a real uvicorn."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from starlette.types import Receive, Scope, Send

from perf.gateway.target import receive as rest
from tests.gateway.fakes import Answer, ask, exchange, parse, served
from whatsit.gateway.settings import Limits

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"
QUICK = Limits(header_seconds=0.5, idle_seconds=0.5, body_seconds=1.5, header_bytes=4096)
Open = Callable[[], AbstractContextManager[socket.socket]]


async def count(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body and say how long it was."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        size, more = size + len(message["body"]), message["more_body"]
    body = str(size).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with served(count, lifespan="off") as port:
        yield port


@pytest.fixture(scope="module")
def quick() -> Iterator[int]:
    """The port of a server with short times."""
    with served(count, QUICK, lifespan="off") as port:
        yield port


def connected(port: int, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 20, (source, 0))


def answered(connection: socket.socket) -> None:
    """Have one request answered on a connection that stays open."""
    connection.sendall(HEAD + b"Content-Length: 1\r\n\r\na")
    got = b""
    while not got.endswith(b"\r\n\r\n1"):
        got += connection.recv(4096)
    assert got.startswith(b"HTTP/1.1 200")


def trickle(port: int, begin: bytes, piece: bytes) -> tuple[Answer, int]:
    """Send a beginning, then a piece every fifth of a second until the server answers; return how many were sent."""
    with connected(port) as connection:
        connection.sendall(begin)
        connection.settimeout(0.2)
        for sent in range(200):
            with contextlib.suppress(TimeoutError):
                return parse(connection.recv(4096)), sent
            connection.sendall(piece)
    raise AssertionError("the server waited for all pieces")


def chunked(port: int, size: int, count: int) -> Answer:
    body = (f"{size:x}\r\n".encode() + b"a" * size + b"\r\n") * count + b"0\r\n\r\n"
    return parse(exchange(port, HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + body))


def test_bodies_come_through_whole(port: int) -> None:
    assert ask(port, "POST", "/", b"a" * 5_000_000).body == b"5000000"
    assert chunked(port, 100, 5000).body == b"500000"
    assert chunked(port, 1, 1000).body == b"1000"


@pytest.mark.parametrize(("size", "number"), [(1, 2000), (10, 20_000), (63, 3000)])
def test_many_small_chunks(port: int, size: int, number: int) -> None:
    reply = chunked(port, size, number)
    assert (reply.status, reply.headers["connection"]) == (400, "close")
    assert "chunks" in reply.json["detail"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (b"X-A: " + b"a" * 40_000 + b"\r\n", "longer than 32768"),
        (b"X-A: b\r\n" * 101, "too many headers"),
        (b"X-A: " + b"a" * 500 + b"\r\n", None),
        (b"X-A: b\r\n" * 90, None),
    ],
)
def test_headers_are_bounded(port: int, lines: bytes, words: str | None) -> None:
    reply = parse(exchange(port, HEAD + lines + b"Content-Length: 0\r\nConnection: close\r\n\r\n"))
    assert reply.status == (200 if words is None else 431)
    assert words is None or words in reply.json["detail"]


def test_an_address_is_a_part_of_the_headers(port: int) -> None:
    assert parse(exchange(port, b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n")).status == 431
    assert ask(port, "GET", "/" + "a" * 20_000).status == 200


def test_the_bounds_are_those_of_each_request_not_of_the_connection(port: int) -> None:
    one = b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"a" * 20_000 + b"\r\n\r\n"
    last = one.replace(b"Host", b"Connection: close\r\nHost")
    assert exchange(port, one * 3 + last).count(b"HTTP/1.1 200 OK") == 4
    small = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 900 + b"0\r\n\r\n"
    assert exchange(port, small * 3 + last).count(b"HTTP/1.1 200 OK") == 4


def test_trailers_count_as_headers(port: int) -> None:
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    reply = exchange(port, head + b"X-A: b\r\n" * 10_000 + b"\r\n")
    assert b"HTTP/1.1 200" not in reply


@pytest.mark.parametrize("begin", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n"], ids=["nothing", "headers without an end"])
def test_headers_must_come_in_time(quick: int, begin: bytes) -> None:
    reply = parse(exchange(quick, begin))
    assert (reply.status, reply.headers["connection"]) == (408, "close")


def test_a_header_now_and_then_wins_no_time(quick: int) -> None:
    assert trickle(quick, b"GET / HTTP/1.1\r\n", b"X-A: b\r\n")[0].status == 408


def test_a_body_must_go_on(quick: int) -> None:
    assert parse(exchange(quick, HEAD + b"Content-Length: 100\r\n\r\nabc")).status == 408


def test_a_body_that_goes_on_must_end(quick: int) -> None:
    """A byte now and then keeps the idle limit off, not that of the whole body."""
    reply, sent = trickle(quick, HEAD + b"Content-Length: 100000\r\n\r\n", b"a")
    assert reply.status == 408
    assert sent > 2  # it was not the idle limit


def test_a_second_request_must_come_in_time_too(quick: int) -> None:
    with connected(quick) as connection:
        answered(connection)
        connection.sendall(b"GET / HTTP/1.1\r\nX-A")
        assert parse(rest(connection)).status == 408


def test_a_slow_answer_is_no_slow_caller() -> None:
    """The times are those of the caller's sending alone."""
    import asyncio

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(1.2)
        await count(scope, receive, send)

    with served(late, QUICK, lifespan="off") as port:
        assert ask(port, "POST", "/", b"abc").body == b"3"


BROKEN = {
    "no HTTP": bytes(range(256)),
    "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(189),
    "both lengths": HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 4\r\nContent-Length: 60\r\n\r\nabcd",
    "negative length": HEAD + b"Content-Length: -5\r\n\r\n",
    "length of 2^70": HEAD + b"Content-Length: " + str(1 << 70).encode() + b"\r\n\r\n",
    "length in words": HEAD + b"Content-Length: four\r\n\r\n",
    "unknown encoding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\nabcd",
    "space before a colon": HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "NUL": HEAD + b"X-A: a\0b\r\n\r\n",
    "NUL in the path": b"GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n",
    "chunk of 2^64 bytes": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 18 + b"\r\nabc",
    "chunk in words": HEAD + b"Transfer-Encoding: chunked\r\n\r\nfour\r\nabcd\r\n",
    "HTTP/9.9": b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    "no method": b"/ HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_broken_requests_end_their_connection(port: int, data: bytes) -> None:
    reply = parse(exchange(port, data + b"GET /second HTTP/1.1\r\nHost: a\r\n\r\n"))
    assert reply.status == 400
    assert b"HTTP/1.1 200" not in reply.body  # what follows is not taken for a request
    assert ask(port, "POST", "/", b"abc").body == b"3"


def test_connections_of_an_address_are_bounded() -> None:
    with served(count, Limits(connections_per_address=3), lifespan="off") as port, contextlib.ExitStack() as stack:
        held = [stack.enter_context(connected(port)) for _ in range(3)]
        for connection in held:
            answered(connection)
        reply = parse(exchange(port, b""))
        assert (reply.status, reply.json["detail"]) == (503, "Too many connections.")
        with connected(port, "127.0.0.2") as other:  # another address goes on
            answered(other)
        held[0].close()
        assert _soon(lambda: b"200 OK" in exchange(port, HEAD + b"Connection: close\r\nContent-Length: 1\r\n\r\na"))


def test_all_connections_are_bounded() -> None:
    with served(count, Limits(connections=4), lifespan="off") as port, contextlib.ExitStack() as stack:
        for number in range(4):
            one = stack.enter_context(connected(port, f"127.0.0.{number + 1}"))
            answered(one)
        assert parse(exchange(port, b"")).status == 503


def test_callers_who_leave_amid_a_body_are_forgotten() -> None:
    with served(count, Limits(connections_per_address=3), lifespan="off") as port:
        for _ in range(10):
            with connected(port) as connection:
                connection.sendall(HEAD + b"Content-Length: 100\r\n\r\nabc")
            assert _soon(lambda: ask(port, "POST", "/", b"abc").status == 200)


def _soon(check: Callable[[], bool]) -> bool:
    """Try for a while: the server notices an end of a connection a moment later."""
    return any(check() for _ in range(2000))
