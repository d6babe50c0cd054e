"""Settings of a gateway process, passed to it as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Limits(BaseModel):
    """Limits on requests; beyond one, a caller gets 4xx or 503 and one sentence.

    Args:
        body_bytes: of a request, sent and decompressed.
        import_bytes: of a file that is imported; it goes to the disk.
        bodies_bytes: of all requests that are being answered, as sent.
        header_bytes: request line and headers together.
        header_seconds: from the connection or the last reply to the end of the headers.
        idle_seconds: between two parts of a body.
        body_seconds: for a whole body.
        request_seconds: for an answer, waiting for a restarted Triton included.
        connections: open at once.
        connections_per_address: open at once from one address.
        in_flight: requests that are answered or wait at once.
        in_flight_per_caller: the same of one key, or of one address without a key.
        upstream: requests that Triton is sent at once; others wait, and are dropped when their callers leave.
        failures: refused keys a minute from one address.
        rate: requests a second of a key or an address without one; None for no limit.
    """

    model_config = ConfigDict(frozen=True)

    body_bytes: int = 32 << 20
    import_bytes: int = 1 << 30
    bodies_bytes: int = 1 << 30
    header_bytes: int = 32 << 10
    header_seconds: float = 10.0
    idle_seconds: float = 10.0
    body_seconds: float = 60.0
    request_seconds: float = 60.0
    connections: int = 2000
    connections_per_address: int = 1000
    in_flight: int = 256
    in_flight_per_caller: int = 128
    upstream: int = 32
    failures: int = 60
    rate: float | None = None


class Settings(BaseModel):
    """Everything that a gateway process needs to know.

    Args:
        catalogues: name -> folder; the first is the default.
        catalogues_file: JSON file that names them from then on; None where they stay.
        model_repository: folder of the networks, for the embedder's fingerprint.
        upstream: URL of Triton's HTTP endpoint.
        upstream_headers: open Triton's restricted protocols.
        upstream_metrics: URL of Triton's metrics.
        pairs_file: JSON that the supervisor writes: `base` and `loaded`, the embedders that Triton has; None for one.
        state_file: JSON that the supervisor writes: `state` and `reason`.
        host: address to listen on.
        keys: file of the keys; None where none are needed.
        open_role: role of callers without a key; None refuses them.
        hold_seconds: a request waits so long for a Triton that is restarted.
        read_only: whether the catalogues may not be changed.
        collect: what the page may send of its visitors: `off`, `clicks` (their choices) or `crops` (searched regions
            too).
        origins: other web origins whose pages may call.
        audit_log: file of the changes, None for none.
        access_log: file of the requests, "-" for standard output, None for none.
        tls_cert: certificate chain (PEM); None for plain HTTP.
        tls_key: its key (PEM).
        limits: of requests.
    """

    model_config = ConfigDict(frozen=True)

    catalogues: dict[str, Path]
    catalogues_file: Path | None = None
    model_repository: Path
    upstream: str
    upstream_headers: dict[str, str] = {}
    upstream_metrics: str | None = None
    pairs_file: Path | None = None
    state_file: Path | None = None
    host: str = "127.0.0.1"
    keys: Path | None = None
    open_role: str | None = None
    hold_seconds: float = 30.0
    read_only: bool = False
    collect: Literal["off", "clicks", "crops"] = "off"
    origins: tuple[str, ...] = ()
    audit_log: Path | None = None
    access_log: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    limits: Limits = Limits()
