"""What speaks at a port where a call found no server: ports are easily mixed up."""

from __future__ import annotations

import socket
from typing import Literal
from urllib.parse import urlsplit

from whatsit_client.errors import Unavailable
from whatsit_client.transport.address import Address

Speaker = Literal["http", "metrics", "grpc", "tls", "other"]

_SECONDS = 1.0
_REQUEST = b"GET /v2/health/live HTTP/1.0\r\nHost: %b\r\n\r\n"
_TLS_ALERT = b"\x15\x03"
_ALIVE = (b" 200 ", b" 401 ", b" 403 ", b" 429 ", b" 503 ")  # of a gateway or a Triton, ready or not


def speaker_at(place: str) -> Speaker | None:
    """Return what speaks at host:port, None where nothing listens."""
    parts = urlsplit(f"//{place}")
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=_SECONDS) as connection:
            connection.settimeout(_SECONDS)
            connection.sendall(_REQUEST % (parts.hostname or "").encode())
            reply = connection.recv(64)
    except (OSError, ValueError, UnicodeError):
        return None
    if reply.startswith(b"HTTP/"):
        if b" 400 " in reply[:16]:  # what a TLS port says to plain HTTP
            return "tls"
        return "http" if any(status in reply[:16] for status in _ALIVE) else "metrics"
    if reply[3:4] == b"\x04":  # HTTP/2 begins with a frame of settings
        return "grpc"
    return "tls" if reply.startswith(_TLS_ALERT) else "other"


def with_hint(address: Address, error: Unavailable) -> Unavailable:
    """Return a failed connection's error, with the right address if possible."""
    if address.secure:
        return error
    host = f"[{name}]" if ":" in (name := urlsplit(f"//{address.place}").hostname or "") else name
    found = speaker_at(address.place)
    if found == "grpc" and address.protocol == "http":
        return Unavailable(f"The port of {address} speaks gRPC, not HTTP: write grpc://{address.place}.")
    if found == "http" and address.protocol == "grpc":
        return Unavailable(f"The port of {address} speaks HTTP, not gRPC: write http://{address.place}.")
    if found == "metrics":
        return Unavailable(
            f"The port of {address} serves other pages than a Whatsit server's, such as metrics: `whatsit serve` "
            f"prints its addresses, http://{host}:8080 and grpc://{host}:8001 by default."
        )
    if found == "tls":
        secure = "https" if address.protocol == "http" else "grpcs"
        return Unavailable(f"The port of {address} wants encryption: write {secure}://{address.place}.")
    return error
