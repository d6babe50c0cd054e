"""A closed server: nothing without its key, which other users of the machine cannot read."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.server.launcher import Server
from whatsit.server.model_control import ModelControl
from whatsit.server.ports import Ports

CALLS = [
    ("/v2", None),
    ("/v2/health/live", None),
    ("/v2/health/ready", None),
    ("/v2/models/decode", None),
    ("/v2/models/decode/ready", None),
    ("/v2/models/decode/config", None),
    ("/v2/models/decode/stats", None),
    ("/v2/models/identify/infer", b"{}"),
    ("/v2/models/identify/generate", b"{}"),
    ("/v2/models/identify/generate_stream", b"{}"),
    ("/v2/repository/index", b"{}"),
    ("/v2/repository/models/decode/load", b"{}"),
    ("/v2/repository/models/decode/unload", b"{}"),
    ("/v2/systemsharedmemory/status", None),
    ("/v2/systemsharedmemory/region/x/register", b'{"key": "/x", "offset": 0, "byte_size": 8}'),
    ("/v2/systemsharedmemory/unregister", b"{}"),
    ("/v2/cudasharedmemory/status", None),
    ("/v2/cudasharedmemory/region/x/register", b"{}"),
    ("/v2/trace/setting", b'{"trace_file": "/tmp/whatsit-stolen"}'),
    ("/v2/models/decode/trace/setting", b'{"trace_level": ["TENSORS"], "trace_rate": "1"}'),
    ("/v2/logging", b'{"log_file": "/tmp/whatsit-stolen"}'),
]


def status(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, dict(headers or {})), timeout=60) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_closed_server_listens_on_the_loopback_address_alone() -> None:
    with pytest.raises(InvalidInput, match=r"127\.0\.0\.1 alone, not on 0\.0\.0\.0"):
        Server(Path("nowhere"), host="0.0.0.0", ports=Ports(0, 0, 0), closed=True)


@pytest.fixture(scope="module")
def closed(catalogue: Path) -> Iterator[Server]:
    with Server(catalogue, ports=Ports(0, 0, 0), closed=True) as running:
        yield running


@pytest.mark.triton
def test_a_closed_server_answers_holders_of_the_key_alone(closed: Server) -> None:
    root = f"http://{closed.http_url}"
    for path, body in CALLS:
        assert status(root + path, body) == 403, path
        assert status(root + path, body, {"whatsit-key": "0" * 64}) == 403, path
    for path, body in CALLS[:7]:
        assert status(root + path, body, closed.restricted_headers) == 200, path
    assert not Path("/tmp/whatsit-stolen").exists()
    assert status(closed.metrics_url) == 200


@pytest.mark.triton
def test_a_closed_server_has_no_other_port(closed: Server) -> None:
    listening = {c.laddr for c in psutil.Process(closed.pid).net_connections("inet") if c.status == psutil.CONN_LISTEN}
    assert {(address.ip, address.port) for address in listening} == {
        ("127.0.0.1", closed.ports.http),
        ("127.0.0.1", closed.ports.metrics),
    }


@pytest.mark.triton
def test_its_models_are_controlled_over_a_socket_with_the_key_alone(closed: Server) -> None:
    control = closed._control
    assert control.socket.startswith("unix:/")
    for headers in ({}, {"whatsit-key": "0" * 64}):
        with pytest.raises(Unavailable, match="decode could not be loaded"):
            ModelControl(closed.http_url, headers, control.socket)("load", "decode")
    with pytest.raises(Unavailable, match="nothing could not be loaded"):
        control("load", "nothing")


@pytest.mark.triton
def test_the_key_is_not_to_be_read(closed: Server) -> None:
    key = closed.restricted_headers["whatsit-key"]
    assert len(key) == 64
    assert "http-restricted-api" in " ".join(psutil.Process(closed.pid).cmdline())
    for process in (psutil.Process(closed.pid), *psutil.Process(closed.pid).children()):
        assert key not in " ".join(process.cmdline())
    assert key not in closed.log


@pytest.mark.triton
def test_models_of_any_server_are_loaded_with_its_key_alone(server: Server) -> None:
    import tritonclient.grpc as triton
    from tritonclient.utils import InferenceServerException

    for name in ("load", "unload"):
        assert status(f"http://{server.http_url}/v2/repository/models/decode/{name}", b"{}") == 403
    with triton.InferenceServerClient(server.grpc_url) as client:
        for call in (client.load_model, client.unload_model):
            with pytest.raises(InferenceServerException, match="restricted"):
                call("decode")
        assert client.is_model_ready("decode")
