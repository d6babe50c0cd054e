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
    chosen: list[int] = []
    with contextlib.ExitStack() as stack:
        for name, port in (("HTTP", ports.http), ("gRPC", ports.grpc), ("metrics", ports.metrics)):
            probe = stack.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except (OSError, OverflowError) as error:
                raise Unavailable(
                    f"The {name} port {port} of {host} cannot be used ({error}): stop what uses it or choose another "
                    "(0 takes a free one)."
                ) from error
            chosen.append(probe.getsockname()[1])
    return Ports(*chosen)
