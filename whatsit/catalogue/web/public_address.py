"""Resolution of web addresses, and the check that they are public.

A merchant's table is a stranger's text, and what it names is fetched from inside the operator's network: without these
checks it could read the cloud's metadata service or a colleague's printer (server-side request forgery, CWE-918).
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from whatsit_client.errors import InvalidInput

_PORTS = {"http": 80, "https": 443}
# IPv4 addresses written as IPv6 for translators (RFC 6052).
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class Target:
    """Where one request goes.

    Args:
        secure: whether it is https.
        host: name or number of the machine, as the address says it.
        port: TCP port.
        path: path and query, as it is sent.
        addresses: the numbers of the machine, checked; the connection is made to one of these, not to the name, so that
            a second answer of the name service cannot lead elsewhere.
    """

    secure: bool
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]

    @property
    def host_header(self) -> str:
        """Return the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.secure else "http"] else f"{host}:{self.port}"


def resolve(url: str, allow_private: bool = False) -> Target:
    """Return the machine behind an http(s) address.

    Args:
        url: the address.
        allow_private: whether machines of private networks may be asked, this one among them.

    Raises:
        InvalidInput: it is no such address, its name is not known, or it leads into a private network.
        TimeoutError: the name service did not answer.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInput(f"the address is malformed ({error})") from error
    if parts.scheme not in _PORTS or not host:
        raise InvalidInput("the address does not begin with http:// or https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise InvalidInput("the address holds a name or password; give the picture without")
    port = port or _PORTS[parts.scheme]
    addresses = _addresses(host, port)
    for address in addresses:
        if not allow_private and not is_public(address):
            raise InvalidInput(
                f"the address leads to {address}, which is not on the public internet; --allow-private fetches it"
            )
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (
        f"?{quote(parts.query, safe='/%:@!$&()*+,;=~-._?')}" if parts.query else ""
    )
    return Target(parts.scheme == "https", host, port, path, addresses)


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
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _addresses(host: str, port: int) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise TimeoutError(f"the name service does not answer for '{host[:100]}'") from error
        raise InvalidInput(f"there is no host '{host[:100]}'") from error
    except (UnicodeError, OSError) as error:
        raise InvalidInput(f"'{host[:100]}' is no host") from error
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
