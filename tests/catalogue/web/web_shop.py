"""A web server on this machine with an answer for each path."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


class Shop:
    """A server on this machine with an answer for each path, and the paths that it was asked for."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.heads: list[Mapping[str, str]] = []
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                shop.asked.append(self.path)
                shop.heads.append(dict(self.headers.items()))
                shop.answers[self.path](self)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server.server_port)

    def url(self, path: str, answer: Answer | None = None) -> str:
        if answer:
            self.answers[path] = answer
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def body(data: bytes, status: int = 200, length: int | None = None, **headers: str) -> Answer:
    """Answer with this; `_` in a header's name stands for `-`."""

    def answer(asked: BaseHTTPRequestHandler) -> None:
        asked.send_response(status)
        for name, value in headers.items():
            asked.send_header(name.replace("_", "-"), value)
        asked.send_header("Content-Length", str(len(data) if length is None else length))
        asked.end_headers()
        asked.wfile.write(data)

    return answer
