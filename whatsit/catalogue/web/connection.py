"""HTTP connections to checked addresses, directly or through a proxy."""

from __future__ import annotations

import errno
import http.client
import os
import selectors
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import zip_longest

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.web.proxy import Proxy
from whatsit.catalogue.web.public_address import Target

CONNECT_SECONDS = 10.0
IDLE_SECONDS = 20.0
_STAGGER_SECONDS = 0.25  # RFC 8305: before the next address is tried beside the first
_WAITING = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)


class Connection(http.client.HTTPConnection):
    """A connection under the requested name to the addresses that were checked.

    Args:
        target: what is asked.
        deadline: of `time.monotonic`, for all of it.
        proxy: that the request goes through, None for none.
    """

    def __init__(self, target: Target, deadline: float, proxy: Proxy | None = None) -> None:
        super().__init__(target.address.host, target.address.port)
        self._target, self._deadline, self._proxy = target, deadline, proxy
        # `sock` is handed on to the response.
        self._opened: socket.socket | None = None

    def ask(self, headers: dict[str, str]) -> http.client.HTTPResponse:
        """Send a GET request and return the head of the answer."""
        address = self._target.address
        path = address.path
        if self._proxy and not address.secure:
            path, headers = str(address), {**headers, **self._proxy.headers}
        self.request("GET", path, headers={"Host": address.host_header, **headers})
        return self.getresponse()

    def connect(self) -> None:
        """Connect to the first address that answers, then shake hands."""
        until = min(self._deadline, time.monotonic() + CONNECT_SECONDS)
        if self._proxy:
            plain = socket.create_connection((self._proxy.host, self._proxy.port), max(until - time.monotonic(), 0.001))
        else:
            plain = connect_first(self._target.addresses, self._target.address.port, until)
        plain.settimeout(min(IDLE_SECONDS, max(self._deadline - time.monotonic(), 0.001)))
        self.sock = self._opened = plain
        if not self._target.address.secure:
            return
        if self._proxy:
            _open_tunnel(plain, self._target, self._proxy)
        host = self._target.address.host
        wrapped = tls_context().wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        self.sock = self._opened = wrapped
        wrapped.do_handshake()

    def cut(self) -> None:
        """End it, whatever it waits for."""
        if self._opened is not None:
            with suppress(OSError):  # it ended just now by itself
                # Not the shutdown of TLS, which another thread may be reading from.
                socket.socket.shutdown(self._opened, socket.SHUT_RDWR)


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """Return the settings of TLS; loading the system's certificates takes tens of ms."""
    return ssl.create_default_context()


def connect_first(addresses: Sequence[str], port: int, deadline: float) -> socket.socket:
    """Connect to the address that answers first, IPv6 and IPv4 by turns (RFC 8305).

    So a machine without a way to IPv6 does not wait for it.

    Raises:
        OSError: none answers.
    """
    waiting = _by_turns(addresses)
    failure: OSError = OSError("there is no address")
    begun: list[socket.socket] = []
    with selectors.DefaultSelector() as selector:
        try:
            while waiting or selector.get_map():
                if time.monotonic() >= deadline:
                    raise TimeoutError
                if waiting:
                    try:
                        begun.append(_begin(waiting.pop(0), port))
                        selector.register(begun[-1], selectors.EVENT_WRITE)
                    except OSError as error:
                        failure = error
                        continue
                pause = _STAGGER_SECONDS if waiting else deadline - time.monotonic()
                for key, _ in selector.select(max(min(pause, deadline - time.monotonic()), 0)):
                    opened = key.fileobj
                    assert isinstance(opened, socket.socket)
                    code = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if not code:
                        begun.remove(opened)
                        return opened
                    failure = OSError(code, os.strerror(code))
                    selector.unregister(opened)
            raise failure
        finally:
            for one in begun:
                one.close()


def _begin(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setblocking(False)
    code = opened.connect_ex((address, port))
    if code not in _WAITING:
        opened.close()
        raise OSError(code, os.strerror(code))
    return opened


def _by_turns(addresses: Sequence[str]) -> list[str]:
    """Order addresses by turns of their families, beginning with the first one's."""
    first = [one for one in addresses if (":" in one) == (":" in addresses[0])]
    second = [one for one in addresses if one not in first]
    return [one for pair in zip_longest(first, second) for one in pair if one is not None]


def _open_tunnel(plain: socket.socket, target: Target, proxy: Proxy) -> None:
    """Ask a proxy for a way to the target (CONNECT).

    Raises:
        InvalidInput: it refuses.
        OSError: it does not answer.
    """
    address = target.address
    host = f"[{address.host}]" if ":" in address.host else address.host
    lines = [f"CONNECT {host}:{address.port} HTTP/1.1", f"Host: {host}:{address.port}"]
    lines += [f"{name}: {value}" for name, value in proxy.headers.items()]
    plain.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    response = http.client.HTTPResponse(plain, method="CONNECT")
    try:
        response.begin()
        if response.status != 200:
            raise InvalidInput(
                f"the proxy {proxy.host}:{proxy.port} answered {response.status} {response.reason[:100]}".strip()
            )
    finally:
        response.close()
