"""Ports of a server."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass

from whatsit_client.errors import Unavailable


@dataclass(frozen=True)
class Ports:
    """The three ports of a server; 0 takes a free one."""

    http: int = 8000
    grpc: int = 8001
    metrics: int = 8002


def reserve_ports(host: str, ports: Ports) -> Ports:
    """Choose free ports for the zeros and refuse those that are taken.

    Raises:
        Unavailable: a port is in use or cannot be bound.
    """
    with contextlib.ExitStack() as stack:
        names = {"HTTP": ports.http, "gRPC": ports.grpc, "metrics": ports.metrics}
        probes = [stack.enter_context(bind_port(host, port, name)) for name, port in names.items()]
        return Ports(*(probe.getsockname()[1] for probe in probes))


def free_port(host: str, port: int) -> int:
    """Return the port, or 0 (any free one) where it is taken."""
    try:
        bind_port(host, port, "this").close()
    except Unavailable:
        return 0
    return port


def bind_port(host: str, port: int, name: str) -> socket.socket:
    """Return a socket bound to a port, not listening yet.

    Args:
        host: address to listen on.
        port: 0 takes a free one.
        name: of the port, for the sentence.

    Raises:
        Unavailable: the port is in use or cannot be bound.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise Unavailable(
            f"The {name} port {port} of {host} cannot be used ({error}): stop what uses it or choose another "
            "(0 takes a free one)."
        ) from error
    return bound
