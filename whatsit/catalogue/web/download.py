"""Download over http(s) with bounds on size, time and redirects."""

from __future__ import annotations

import http.client
import random
import socket
import ssl
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urljoin

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.web.public_address import Target, resolve
from whatsit.vision.decode import MAX_BYTES

MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CONNECT_SECONDS = 10.0
_BLOCK = 1 << 16
_HEADERS = {"User-Agent": "whatsit", "Accept": "image/*", "Accept-Encoding": "identity", "Connection": "close"}


# Tries on one host in a row that took their whole time; then it is not asked again.
_MOST_TIMEOUTS = 3


class _TransientError(Exception):
    """A failure that may be gone at the next try."""


class _TooSlowError(_TransientError):
    """A try that took its whole time."""


@dataclass(frozen=True)
class Downloads:
    """Fetches files; may be used from many threads. No proxy is used.

    Args:
        allow_private: whether machines of private networks may be asked, this one among them.
        most_bytes: of a file.
        seconds: for one try, from the name to the last byte.
        tries: where a server is busy (429, 5xx), cannot be reached or is too slow.
        pause: seconds before the second try; doubled before each further one.

    A host that takes longer than `seconds` three times in a row is not asked again, so that it does not hold an import.
    """

    allow_private: bool = False
    most_bytes: int = MAX_BYTES
    seconds: float = 30.0
    tries: int = 3
    pause: float = 0.5
    _slow: Counter[str] = field(default_factory=Counter, repr=False, compare=False)

    def get(self, url: str) -> bytes:
        """Return the file behind an address.

        Raises:
            InvalidInput: it cannot be had; the sentence says why.
        """
        host = _host(url)
        for number in range(self.tries):
            if self._slow[host] >= _MOST_TIMEOUTS:
                raise InvalidInput(f"the host {host} was too slow {_MOST_TIMEOUTS} times, and is not asked again")
            try:
                data = self._follow(url)
                self._slow.pop(host, None)
                return data
            except _TransientError as failure:
                self._slow[host] += isinstance(failure, _TooSlowError)
                if number + 1 == self.tries:
                    tried = f" (tried {self.tries} times)" if self.tries > 1 else ""
                    raise InvalidInput(f"{failure}{tried}") from failure
            # Not all at once, where a server that comes back is awaited by many.
            time.sleep(self.pause * 2**number * random.uniform(0.75, 1.25))
        raise AssertionError("the last try returns or raises")

    def _follow(self, url: str) -> bytes:
        deadline = time.monotonic() + self.seconds
        for _ in range(MOST_REDIRECTS + 1):
            try:
                target = resolve(url, self.allow_private)
            except TimeoutError as error:
                raise _TransientError(str(error)) from error
            answer = self._ask(target, deadline)
            if isinstance(answer, bytes):
                return answer
            url = urljoin(url, answer)
        raise InvalidInput(f"the address redirects more than {MOST_REDIRECTS} times")

    def _ask(self, target: Target, deadline: float) -> bytes | str:
        """Return the file, or the address that the server names in its place."""
        connection = _Pinned(target, deadline)
        # Timeouts of a socket count from byte to byte: against a server that drips, the whole is cut off at its time.
        watch = threading.Timer(max(deadline - time.monotonic(), 0), connection.cut)
        watch.daemon = True
        watch.start()
        try:
            connection.request("GET", target.path, headers={"Host": target.host_header, **_HEADERS})
            response = connection.getresponse()
            if response.status in _REDIRECTS:
                return _location(response)
            if response.status != 200:
                sentence = f"the server answered {response.status} {response.reason}".strip()
                raise (_TransientError if response.status == 429 or response.status >= 500 else InvalidInput)(sentence)
            data = self._body(response)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, InvalidInput):
                raise
            if isinstance(error, TimeoutError) or time.monotonic() >= deadline:
                raise _TooSlowError(f"the server took longer than {self.seconds:g} s") from error
            if isinstance(error, ssl.SSLCertVerificationError):
                raise InvalidInput(f"the server's certificate is refused ({error.verify_message})") from error
            raise _TransientError(f"the connection failed ({_words(error)})") from error
        finally:
            watch.cancel()
            connection.close()
        if time.monotonic() >= deadline:  # what was cut off without a length looks whole
            raise _TooSlowError(f"the server took longer than {self.seconds:g} s")
        return data

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        refusal = InvalidInput(f"the file is larger than the {self.most_bytes:,} bytes allowed")
        if response.length is not None and response.length > self.most_bytes:
            raise refusal
        data = bytearray()
        while block := response.read(min(_BLOCK, self.most_bytes + 1 - len(data))):
            data += block
            if len(data) > self.most_bytes:
                raise refusal
        if response.length:  # http.client takes a short body for the whole
            raise ConnectionError(f"it ended {response.length:,} bytes early")
        return bytes(data)


def _host(url: str) -> str:
    """Return the host of an address as written, "" where it has none."""
    return url.partition("//")[2].partition("/")[0].rpartition("@")[2].casefold()


class _Pinned(http.client.HTTPConnection):
    """A connection to the checked addresses, under the requested name."""

    def __init__(self, target: Target, deadline: float) -> None:
        super().__init__(target.host, target.port)
        self._target, self._deadline = target, deadline
        # `sock` is handed on to the response.
        self._opened: socket.socket | None = None

    def connect(self) -> None:
        failure: OSError | None = None
        for address in self._target.addresses:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            try:
                plain = socket.create_connection((address, self._target.port), min(_CONNECT_SECONDS, left))
            except OSError as error:
                failure = error
                continue
            self.sock = self._opened = plain
            if self._target.secure:
                wrapped = ssl.create_default_context().wrap_socket(
                    plain, server_hostname=self._target.host, do_handshake_on_connect=False
                )
                self.sock = self._opened = wrapped
                wrapped.do_handshake()
            return
        raise failure or OSError("there is no address")

    def cut(self) -> None:
        """End it, whatever it waits for."""
        if self._opened is not None:
            with suppress(OSError):  # it ended just now by itself
                # Not the shutdown of TLS, which another thread may be reading from.
                socket.socket.shutdown(self._opened, socket.SHUT_RDWR)


def _location(response: http.client.HTTPResponse) -> str:
    location = response.getheader("Location")
    if not location:
        raise InvalidInput(f"the server answered {response.status} without an address to go to")
    return location


def _words(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)[:200]
