"""The address and protocol of a server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from whatsit_client.errors import InvalidInput

KEY_VARIABLE = "WHATSIT_KEY"
_PORTS = {"grpc": 8001, "http": 8000}
_SCHEMES = {"grpc": ("grpc", False), "grpcs": ("grpc", True), "http": ("http", False), "https": ("http", True)}


@dataclass(frozen=True)
class Address:
    """A server's address.

    Args:
        protocol: "grpc" or "http".
        place: host:port, for HTTP perhaps with a path.
        secure: whether the connection is encrypted.
        key: of the caller, for a gateway; "" for none.
    """

    protocol: str
    place: str
    secure: bool
    key: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.protocol}{'s' if self.secure else ''}://{self.place}"

    @property
    def headers(self) -> Mapping[str, str]:
        """HTTP headers or gRPC metadata of every call."""
        return {"authorization": f"Bearer {self.key}"} if self.key else {}

    @classmethod
    def parse(cls, url: str | None = None, protocol: str | None = None, key: str | None = None) -> Address:
        """Parse an address; defaults are localhost and Triton's port 8001 or 8000.

        Args:
            url: host, host:port or either with a scheme: grpc, grpcs, http, https.
            protocol: "grpc" or "http"; a scheme in the url goes before it; without both it is gRPC.
            key: of the caller; None takes the environment's WHATSIT_KEY.

        Raises:
            InvalidInput: the url or the protocol is none of these.
        """
        key = os.environ.get(KEY_VARIABLE, "") if key is None else key
        if not key.isascii() or not key.isprintable():
            raise InvalidInput("A key is one word of letters, digits, - and _.")
        if protocol not in {None, *_PORTS}:
            raise InvalidInput(f"The protocol '{protocol}' is unknown: choose grpc or http.")
        scheme, separator, rest = (url or "localhost").partition("://")
        if not separator:
            scheme, rest = protocol or "grpc", url or "localhost"
        if scheme not in _SCHEMES:
            raise InvalidInput(f"The scheme of '{url}' is unknown: write grpc://host:8001 or http://host:8000.")
        kind, secure = _SCHEMES[scheme]
        try:
            parts = urlsplit(f"//{rest}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.username or parts.query or (parts.path.strip("/") and kind == "grpc"):
            raise InvalidInput(f"'{url}' is no address of a server: write grpc://host:8001 or http://host:8000.")
        host = f"[{host}]" if ":" in host else host
        return cls(kind, f"{host}:{port or _PORTS[kind]}{parts.path.rstrip('/')}", secure, key)
