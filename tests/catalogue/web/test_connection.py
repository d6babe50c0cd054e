"""Connections: the address that answers first is taken."""

from __future__ import annotations

import socket
import time

import pytest

from whatsit.catalogue.web.connection import connect_first


@pytest.fixture
def port() -> int:
    with socket.socket() as opened:  # nobody listens there
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def test_an_address_that_refuses_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        with connect_first(["127.0.0.2", "::1", "127.0.0.1"], number, time.monotonic() + 60) as opened:
            assert opened.getpeername() == ("127.0.0.1", number)


def test_ipv6_is_spoken() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        number = server.getsockname()[1]
        with connect_first(["::1"], number, time.monotonic() + 60) as opened:
            assert opened.getpeername()[:2] == ("::1", number)


def test_where_none_answers_the_reason_is_kept(port: int) -> None:
    with pytest.raises(ConnectionRefusedError, match="refused"):
        connect_first(["127.0.0.1"], port, time.monotonic() + 60)
    with pytest.raises(OSError, match="no address"):
        connect_first([], port, time.monotonic() + 60)
    with pytest.raises(TimeoutError):
        connect_first(["127.0.0.1"], port, time.monotonic() - 1)
