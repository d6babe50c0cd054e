"""A made-up Triton, and the gateway's application on a free port, both in threads of the tests' process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from perf.gateway.target import receive
from whatsit.gateway.http_protocol import limited_protocol
from whatsit.gateway.settings import Limits


@dataclass(frozen=True)
class Seen:
    """A request that the made-up Triton got."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class FakeTriton:
    """Answers as it is told; `None` as an answer cuts the connection off.

    Args:
        answer: makes status and body from the number of the inference request, counted from 0.
        ready: whether `/v2/health/ready` says 200.
        documents: path -> status and body of further GET requests.
        header_length: bytes of JSON in each reply that tensors follow.
    """

    answer: Callable[[int], tuple[int, bytes] | None] = lambda number: (200, b"{}")
    ready: bool = True
    documents: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    header_length: int | None = None
    seen: list[Seen] = field(default_factory=list)
    port: int = 0

    def start(self) -> FakeTriton:
        fake, self._open = self, set[socket.socket]()

        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                fake._open.add(self.connection)

            def do_GET(self) -> None:
                self._reply(*fake.documents.get(self.path, (200 if fake.ready else 503, b"")))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                fake.seen.append(Seen(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                answer = fake.answer(len(fake.seen) - 1)
                if answer is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                else:
                    self._reply(*answer)

            def _reply(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if fake.header_length is not None:
                    self.send_header("Inference-Header-Content-Length", str(fake.header_length))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None: ...

        self._http = Quiet(("127.0.0.1", self.port), Answering)
        self.port = self._http.server_port
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End at once, open connections too; the port is free for another start."""
        self._http.shutdown()
        self._http.server_close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> FakeTriton:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextmanager
def served(app: ASGIApp, limits: Limits | None = None, lifespan: str = "on") -> Iterator[int]:
    """Serve an application as the gateway's process does; gives the port."""
    config = uvicorn.Config(
        app,
        http=limited_protocol(limits or Limits()),
        lifespan=lifespan,  # type: ignore[arg-type]  # one of its words
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])), daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(120)


@dataclass(frozen=True)
class Answer:
    """A parsed reply."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def exchange(port: int, data: bytes) -> bytes:
    """Send bytes and return all that comes before the connection ends."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        with contextlib.suppress(OSError):  # refused before all was sent
            connection.sendall(data)
        return receive(connection)


def ask(port: int, method: str, path: str, body: bytes = b"", /, **headers: str) -> Answer:
    """Send one request; _ in a header's name stands for -."""
    given = {"host": f"127.0.0.1:{port}", "connection": "close", "content-length": str(len(body))}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return parse(exchange(port, f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body))


def parse(reply: bytes) -> Answer:
    """Read a raw reply, chunked or not."""
    head, _, body = reply.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = _unchunked(body)
    return Answer(int(first.split()[1]), headers, body)


def _unchunked(body: bytes) -> bytes:
    parts = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        parts.append(rest[: int(size, 16)])
        body = rest[int(size, 16) + 2 :]
    return b"".join(parts)
