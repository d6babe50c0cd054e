"""A server with a gateway and keys, to attack and to measure."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whatsit.engines.repository import default_root
from whatsit.gateway.keys import KeyFile
from whatsit.gateway.process import GatewayProcess
from whatsit.gateway.settings import Limits, Settings
from whatsit.server.launcher import Server
from whatsit.server.ports import Ports

SECONDS = 30.0
_SILENCE = 2.0  # after a part of a reply


@dataclass(frozen=True)
class Target:
    """A running server.

    Args:
        host: of the gateway.
        port: of its HTTP.
        grpc_url: of its gRPC.
        triton_http: host:port of Triton itself.
        triton_grpc: port where Triton's own gRPC would be.
        keys: "search", "edit", "admin", "other" (for another catalogue) and "revoked" -> key.
        picture: encoded, one that the catalogue knows.
    """

    host: str
    port: int
    grpc_url: str
    triton_http: str
    triton_grpc: int
    keys: Mapping[str, str]
    picture: bytes

    def send(self, data: bytes, seconds: float = SECONDS, source: str = "127.0.0.1") -> bytes:
        """Send bytes and return what comes back before the connection ends."""
        with socket.create_connection((self.host, self.port), seconds, (source, 0)) as connection:
            with contextlib.suppress(OSError):  # the server may refuse before all is sent
                connection.sendall(data)
            return receive(connection)

    def request(
        self,
        method: str,
        path: str,
        key: str | None = "search",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> bytes:
        """Send one HTTP request and return the raw reply.

        Args:
            method: of HTTP.
            path: with its query.
            key: name in `keys`, or None to send no key.
            body: of the request.
            headers: further ones.
            port: instead of the gateway's.
        """
        given = {"Host": f"{self.host}:{self.port}", "Connection": "close", "Content-Length": str(len(body))}
        if key is not None:
            given["Authorization"] = f"Bearer {self.keys[key]}"
        given |= headers or {}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
        data = "\r\n".join(lines).encode() + body
        if port is None:
            return self.send(data)
        with socket.create_connection((self.host, port), SECONDS) as connection:
            connection.sendall(data)
            return receive(connection)


def receive(connection: socket.socket) -> bytes:
    """Return everything up to the end of a connection, or until nothing more comes."""
    parts = []
    try:
        while part := connection.recv(1 << 16):
            parts.append(part)
            connection.settimeout(_SILENCE)
    except OSError:
        pass  # reset after a refusal
    return b"".join(parts)


def status(reply: bytes) -> str:
    """Return the HTTP status of a raw reply, "closed" where there is none."""
    return reply.split(b" ", 2)[1].decode() if reply.startswith(b"HTTP/") else "closed"


def sentence(reply: bytes) -> str:
    """Return the sentence of a refusal."""
    try:
        record: dict[str, Any] = json.loads(reply.partition(b"\r\n\r\n")[2])
        return str(record.get("detail") or record.get("error") or "")
    except (ValueError, AttributeError):
        return ""


def make_keys(file: Path) -> dict[str, str]:
    """Make one key of every kind."""
    keys = KeyFile(file)
    made = {role: keys.add(role, role) for role in ("search", "edit", "admin")}
    made["other"] = keys.add("other", "admin", catalogues=("another",))
    made["revoked"] = keys.add("revoked", "admin")
    keys.revoke("revoked")
    return made


@contextmanager
def gateway_on(
    server: Server, catalogue: Path, picture: bytes, work: Path, limits: Limits | None = None
) -> Iterator[tuple[Target, GatewayProcess]]:
    """Run a gateway with keys in front of a server."""
    settings = Settings(
        catalogues={"default": catalogue},
        model_repository=default_root() / "model_repository",
        upstream=f"http://{server.http_url}",
        upstream_headers=server.restricted_headers,
        upstream_metrics=server.metrics_url,
        pairs_file=server.pairs.file,
        keys=work / "keys.json",
        audit_log=work / "audit.jsonl",
        access_log=str(work / "access.jsonl"),
        collect="crops",
        limits=limits or Limits(failures=100_000),
    )
    keys = make_keys(work / "keys.json")
    gateway = GatewayProcess(settings, 0, 0, print)
    gateway.start()
    try:
        yield (
            Target("127.0.0.1", gateway.port, gateway.grpc_url, server.http_url, server.ports.grpc, keys, picture),
            gateway,
        )
    finally:
        gateway.stop()


@contextmanager
def target_on(catalogue: Path, picture: bytes, work: Path, fused: bool = False) -> Iterator[tuple[Target, Server]]:
    """Run Triton, closed, with a gateway and keys in front."""
    with (
        Server(catalogue, ports=Ports(0, 0, 0), fused=fused, closed=True) as server,
        gateway_on(server, catalogue, picture, work) as (target, _),
    ):
        yield target, server
