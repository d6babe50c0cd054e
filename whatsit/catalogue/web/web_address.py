"""Web addresses as people write them, in the form in which they are requested."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

import idna
from whatsit_client.errors import InvalidInput

PORTS = {"http": 80, "https": 443}
_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_PATH = "/%:@!$&'()*+,;=~-._"
_QUERY = "/%:@!$&()*+,;=~-._?"
_HOST = re.compile(r"[\w:%-][\w.:%-]*", re.ASCII)
_CONTROLS = re.compile("[\0-\x1f\x7f]")


@dataclass(frozen=True)
class WebAddress:
    """One http(s) address.

    Args:
        secure: whether it is https.
        host: name of the machine in ASCII (international names in the form of IDNA 2008), or its number.
        port: TCP port.
        path: path and query, percent-encoded.
    """

    secure: bool
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> WebAddress:
        """Read an address as browsers do.

        Letters, spaces and stray percent signs are percent-encoded, what is encoded stays; `\\` in the path is `/`, and
        `&amp;`, as exports write it, is `&`.

        Raises:
            InvalidInput: it is no http(s) address, or holds a name or password.
        """
        before, mark, query = _CONTROLS.sub("", url.strip()).partition("?")
        try:
            parts = urlsplit(before.replace("\\", "/") + mark + query.replace("&amp;", "&"))
            host, port = parts.hostname, parts.port
            path = _encoded(parts.path or "/", _PATH) + (f"?{_encoded(parts.query, _QUERY)}" if parts.query else "")
        except ValueError as error:
            raise InvalidInput(f"the address is malformed ({str(error)[:100]})") from error
        scheme = parts.scheme.lower()
        if scheme not in PORTS or not host:
            raise InvalidInput("the address does not begin with http:// or https:// and a host")
        if parts.username is not None or parts.password is not None:
            raise InvalidInput("the address holds a name or password; give the picture without")
        return cls(scheme == "https", _ascii(host), port or PORTS[scheme], path)

    @property
    def host_header(self) -> str:
        """Return the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def scheme(self) -> str:
        """Return `http` or `https`."""
        return "https" if self.secure else "http"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host_header}{self.path}"

    def joined(self, location: str) -> str:
        """Return the address that a header `Location` of its answer names.

        Raises:
            InvalidInput: it is malformed.
        """
        try:
            raw = location.encode("latin-1")  # as http.client reads headers
            try:
                location = raw.decode()
            except UnicodeDecodeError:
                location = quote(raw, safe=_QUERY + "#[]")
            return urljoin(str(self), location)
        except ValueError as error:
            raise InvalidInput(f"the server sends to a malformed address ({str(error)[:100]})") from error


def _encoded(text: str, safe: str) -> str:
    return quote(_STRAY_PERCENT.sub("%25", text), safe=safe)


def _ascii(host: str) -> str:
    """Return a host in ASCII; `my_shop`, which breaks the rules for letters, stays."""
    try:
        found = host if host.isascii() else idna.encode(host, uts46=True, transitional=False).decode()
    except idna.IDNAError as error:
        raise InvalidInput(f"'{host[:100]}' is no host") from error
    if not _HOST.fullmatch(found):
        raise InvalidInput(f"'{host[:100]}' is no host")
    return found.rstrip(".").lower()
