"""The addresses that `whatsit serve` prints."""

from __future__ import annotations

import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class Addresses:
    """Addresses of a server, to print.

    Args:
        http: `host:port` of HTTP.
        grpc: `host:port` of gRPC.
        second_port: of HTTP too; 0 for none.
        tls: whether they are encrypted.
        needs_key: whether every caller needs a key.
        page: whether there is a page to open.
    """

    http: str
    grpc: str
    second_port: int = 0
    tls: bool = False
    needs_key: bool = False
    page: bool = False

    def text(self, metrics: str) -> str:
        """Return the addresses and a command to try; `metrics` is Triton's page."""
        secure = "s" if self.tls else ""
        page = f"Open http{secure}://{reachable(self.http)} in a browser\n" if self.page else ""
        second = f" and port {self.second_port}" if self.second_port else ""
        grpc, url = (f"{'grpcs://' if self.tls else ''}{address}" for address in (self.grpc, reachable(self.grpc)))
        key = "WHATSIT_KEY=wk_… " if self.needs_key else ""
        return (
            f"{page}HTTP {self.http}{second}  gRPC {grpc}  metrics {metrics}\n"
            f"Try: {key}whatsit identify photo.jpg --url {url}    (Ctrl-C stops the server)"
        )


def reachable(address: str) -> str:
    """Return `host:port` that answers, for one that means all addresses."""
    host, _, port = address.rpartition(":")
    if host not in ("0.0.0.0", "[::]", "::", ""):
        return address
    name = socket.gethostname()
    try:
        socket.getaddrinfo(name, None, socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError:
        name = "[::1]" if ":" in host else "127.0.0.1"
    return f"{name}:{port}"
