"""Ports that are mixed up are named."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
from whatsit_client import Client
from whatsit_client.errors import Unavailable
from whatsit_client.transport.port_hint import speaker_at


@contextmanager
def answering(reply: bytes) -> Iterator[str]:
    """A port that answers every connection with the same bytes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(1000)
                connection.sendall(reply)

    threading.Thread(target=serve, daemon=True).start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


@pytest.mark.parametrize(
    ("reply", "hint"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "speaks HTTP, not gRPC: write http://127.0.0.1:"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "such as metrics: `whatsit serve` prints its addresses"),
        (b"\x15\x03\x01\x00\x02\x02\x50", "wants encryption: write grpcs://127.0.0.1:"),
        (b"SSH-2.0", "No Whatsit server answers at grpc://127.0.0.1:"),
    ],
)
def test_a_grpc_call_to_another_port(reply: bytes, hint: str) -> None:
    with answering(reply) as place, Client(place, timeout=5, retries=0) as client, pytest.raises(Unavailable) as error:
        client.stats()
    assert hint in str(error.value)


def test_an_http_call_to_a_grpc_port() -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        assert speaker_at(f"127.0.0.1:{port}") == "grpc"
        with Client(f"http://127.0.0.1:{port}", timeout=5, retries=0) as client, pytest.raises(Unavailable) as error:
            client.stats()
        assert f"speaks gRPC, not HTTP: write grpc://127.0.0.1:{port}" in str(error.value)
    finally:
        server.stop(0)
    assert speaker_at("127.0.0.1:1") is None
