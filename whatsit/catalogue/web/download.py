"""Download over http(s) with bounds on size, time and redirects."""

from __future__ import annotations

import http.client
import random
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from whatsit_client.errors import InvalidInput
from whatsit_client.version import __version__

from whatsit.catalogue.web.connection import Connection
from whatsit.catalogue.web.cookies import Cookies
from whatsit.catalogue.web.host_pacing import MOST_WAIT, HostPacing, retry_after
from whatsit.catalogue.web.proxy import find_proxy
from whatsit.catalogue.web.public_address import resolve
from whatsit.catalogue.web.response_body import check_is_file, read_blocks
from whatsit.catalogue.web.web_address import WebAddress
from whatsit.vision.decode import MAX_BYTES

MOST_REDIRECTS = 5
MOST_FILE_BYTES = 16 << 30  # of a source
FILE_SECONDS = 6 * 3600.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {"Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity", "Connection": "close"}


class _TransientError(Exception):
    """A failure that may be gone at the next try."""

    reason = "not reachable"
    is_final = False  # for this file


class _TooSlowError(_TransientError):
    """A try that took its whole time; once more would hold all others."""

    reason = "too slow"
    is_final = True


class _BusyError(_TransientError):
    """An answer that asks to come again."""

    reason = "too busy"


class _MuchTooBusyError(_BusyError):
    """An answer that asks to come again after more time than is waited."""

    is_final = True


class _BrokenError(_TransientError):
    """An answer that blames the server; of this file, not of the host."""


Take = Callable[[bytes], object]


@dataclass(frozen=True)
class _Answer:
    """The head of an answer: where to go in place of the file, or the file's type."""

    location: str | None = None
    kind: str = ""


@dataclass(frozen=True)
class Downloads:
    """Fetches files; may be used from many threads.

    Proxies are those of the environment. Cookies live for one chain of redirects.

    Args:
        allow_private: whether machines of private networks may be asked, this one among them.
        most_bytes: of a file.
        seconds: for one try, from the name to the last byte.
        tries: where a server is busy (429, 5xx) or cannot be reached.
        pause: seconds before the second try where the server names no time; doubled before each further one.
        contact: e-mail address or page of whoever runs the import, which servers are told; some refuse others.

    A host that could not give a file several times in a row, because it is too slow, busy or not there, is not asked
    again, so that it does not hold an import.
    """

    allow_private: bool = False
    most_bytes: int = MAX_BYTES
    seconds: float = 30.0
    tries: int = 3
    pause: float = 0.5
    contact: str | None = None
    _hosts: HostPacing = field(default_factory=HostPacing, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.contact is not None and not (self.contact.isascii() and self.contact.isprintable()):
            raise InvalidInput(f"A contact is an e-mail address or an http(s) address, not '{self.contact[:60]}'.")

    @property
    def user_agent(self) -> str:
        """Return the header `User-Agent`."""
        more = ""
        if self.contact:
            more = f"; +{'mailto:' if '@' in self.contact and ':' not in self.contact else ''}{self.contact}"
        return f"Mozilla/5.0 (compatible; Whatsit/{__version__}{more})"

    def get(self, url: str) -> bytes:
        """Return the file behind an address.

        Raises:
            InvalidInput: it cannot be had, or is a web page or the like; the sentence says why.
        """
        data = bytearray()

        def begin() -> Take:
            data.clear()
            return data.extend

        kind = self._tried(url, begin)
        check_is_file(bytes(data), kind)
        return bytes(data)

    def save(self, url: str, path: Path) -> str:
        """Write a large file behind an address to a path; return its `Content-Type`.

        Raises:
            InvalidInput: it cannot be had.
            OSError: it cannot be written.
        """
        patient = replace(self, most_bytes=MOST_FILE_BYTES, seconds=FILE_SECONDS)
        with path.open("wb") as file:

            def begin() -> Take:
                file.seek(0)
                file.truncate()
                return file.write

            return patient._tried(url, begin)

    def _tried(self, url: str, begin: Callable[[], Take]) -> str:
        """Fetch with several tries; each one begins anew."""
        host = WebAddress.parse(url).host_header
        for number in range(1, self.tries + 1):
            self._hosts.await_turn(host)
            try:
                kind = self._follow(url, begin())
            except _TransientError as failure:
                if number == self.tries or failure.is_final:
                    if not isinstance(failure, _BrokenError):
                        self._hosts.failed(host, failure.reason)
                    tried = f" (tried {number} times)" if number > 1 else ""
                    raise InvalidInput(f"{failure}{tried}") from failure
            except InvalidInput:
                self._hosts.succeeded(host)
                raise
            else:
                self._hosts.succeeded(host)
                return kind
            # Not all at once, where a server that comes back is awaited by many.
            time.sleep(self.pause * 2 ** (number - 1) * random.uniform(0.75, 1.25))
        raise AssertionError("the last try returns or raises")

    def _follow(self, url: str, take: Take) -> str:
        deadline = time.monotonic() + self.seconds
        cookies = Cookies()
        for _ in range(MOST_REDIRECTS + 1):
            address = WebAddress.parse(url)
            answer = self._ask(address, deadline, cookies, take)
            if answer.location is None:
                return answer.kind
            url = address.joined(answer.location)
        raise InvalidInput(f"the address redirects more than {MOST_REDIRECTS} times")

    def _ask(self, address: WebAddress, deadline: float, cookies: Cookies, take: Take) -> _Answer:
        """Hand on the file, or return the address that the server names in its place."""
        proxy = find_proxy(address)
        try:
            target = resolve(str(address), self.allow_private, proxy is not None)
        except TimeoutError as error:
            raise _TransientError(str(error)) from error
        connection = Connection(target, deadline, proxy)
        # Timeouts of a socket count from byte to byte: against a server that drips, the whole is cut off at its time.
        watch = threading.Timer(max(deadline - time.monotonic(), 0), connection.cut)
        watch.daemon = True
        watch.start()
        headers = {"User-Agent": self.user_agent, **_HEADERS, **cookies.header(address)}
        try:
            response = connection.ask(headers)
            cookies.keep(address, response)
            if response.status in _REDIRECTS:
                return _Answer(_location(response))
            self._check_status(response, address)
            for block in read_blocks(response, self.most_bytes):
                take(block)
            answer = _Answer(kind=response.getheader("Content-Type", ""))
        except InvalidInput:
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._failure(error, deadline) from error
        finally:
            watch.cancel()
            connection.close()
        if time.monotonic() >= deadline:  # what was cut off without a length looks whole
            raise _TooSlowError(f"the server took longer than {self.seconds:g} s")
        return answer

    def _check_status(self, response: http.client.HTTPResponse, address: WebAddress) -> None:
        if response.status == 200:
            return
        sentence = f"the server answered {response.status} {response.reason[:100]}".strip()
        wanted = retry_after(response.getheader("Retry-After")) if response.status in (429, 503) else None
        if wanted is not None and wanted > MOST_WAIT:
            raise _MuchTooBusyError(f"{sentence} and asks to come again in {wanted:,.0f} s: run the same command then")
        if response.status in (429, 503):
            self._hosts.pause(address.host_header, wanted or 0.0)
            raise _BusyError(sentence)
        if response.status >= 500:
            raise _BrokenError(sentence)
        if response.status == 403 and self.contact is None:
            sentence += "; some servers ask for a contact: try --contact with your e-mail address"
        raise InvalidInput(sentence)

    def _failure(self, error: Exception, deadline: float) -> Exception:
        if isinstance(error, TimeoutError) and time.monotonic() < deadline:
            return _TooSlowError("the server did not answer in time")
        if isinstance(error, TimeoutError) or time.monotonic() >= deadline:
            return _TooSlowError(f"the server took longer than {self.seconds:g} s")
        if isinstance(error, ssl.SSLCertVerificationError):
            return InvalidInput(f"the server's certificate is refused ({error.verify_message})")
        return _TransientError(f"the connection failed ({_words(error)})")


def _location(response: http.client.HTTPResponse) -> str:
    location = response.getheader("Location")
    if not location:
        raise InvalidInput(f"the server answered {response.status} without an address to go to")
    return location


def _words(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())[:200]
