"""Resolution of web addresses, and the check that they are public.

A merchant's table is a stranger's text, and what it names is fetched from inside the operator's network: without these
checks it could read the cloud's metadata service or a colleague's printer (server-side request forgery, CWE-918).
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from dataclasses import dataclass
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.web.web_address import WebAddress

LOOKUP_SECONDS = 10.0
_MOST_ADDRESSES = 8
# IPv4 addresses written as IPv6: compatible, for translators (RFC 6052 and 8215).
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
_NOT_PUBLIC = tuple(map(ipaddress.ip_network, ("64:ff9b:1::/48", "fec0::/10", "192.88.99.0/24", "198.18.0.0/15")))
_INSIDE = (".local", ".localhost", ".internal", ".intranet", ".lan", ".home.arpa", ".corp", ".home")


@dataclass(frozen=True)
class Target:
    """Where one request goes.

    Args:
        address: what is asked for.
        addresses: the numbers of the machine, checked; the connection is made to one of these, not to the name, so that
            a second answer of the name service cannot lead elsewhere. Empty where a proxy looks the name up.
    """

    address: WebAddress
    addresses: tuple[str, ...]


def resolve(url: str, allow_private: bool = False, by_proxy: bool = False) -> Target:
    """Return the machine behind an http(s) address.

    Args:
        url: the address.
        allow_private: whether machines of private networks may be asked, this one among them.
        by_proxy: whether a proxy will look the name up: one that is unknown here is then no error, unless it is a name
            of inside a network.

    Raises:
        InvalidInput: it is no such address, its name is not known, or it leads into a private network.
        TimeoutError: the name service did not answer.
    """
    address = WebAddress.parse(url)
    addresses = _known_here(address, allow_private) if by_proxy else _looked_up(address.host, address.port)
    for one in addresses:
        if not allow_private and not is_public(one):
            raise InvalidInput(
                f"the address leads to {one}, which is not on the public internet; --allow-private fetches it"
            )
    return Target(address, () if by_proxy else addresses)


def is_public(address: str) -> bool:
    """Return whether an IP address is on the public internet.

    Not: private, loopback, link-local, multicast, reserved.

    Of an IPv6 address that embeds an IPv4 one, that one counts.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip in _COMPATIBLE:
            return False
    if any(ip in network for network in _NOT_PUBLIC):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _known_here(address: WebAddress, allow_private: bool) -> tuple[str, ...]:
    inside = "." not in address.host and ":" not in address.host
    if not allow_private and (inside or address.host.endswith(_INSIDE)):
        raise InvalidInput(f"'{address.host}' is a name of inside a network; --allow-private fetches it")
    try:
        return _looked_up(address.host, address.port)
    except (InvalidInput, TimeoutError):
        return ()


def _looked_up(host: str, port: int) -> tuple[str, ...]:
    try:
        found = _within(LOOKUP_SECONDS, host, port)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise TimeoutError(f"the name service does not answer for '{host[:100]}'") from error
        raise InvalidInput(f"there is no host '{host[:100]}'") from error
    except TimeoutError:
        raise
    except (UnicodeError, OSError) as error:
        raise InvalidInput(f"'{host[:100]}' is no host") from error
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))[:_MOST_ADDRESSES]


def _within(seconds: float, host: str, port: int) -> list[Any]:
    """Look a name up in a thread of its own: the system's call has no limit of time."""
    answer: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except Exception as error:
            answer.put(error)

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        found = answer.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"the name service does not answer for '{host[:100]}'") from None
    if isinstance(found, Exception):
        raise found
    return found
