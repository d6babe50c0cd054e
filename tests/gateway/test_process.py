"""The gateway's process on addresses of both kinds, in front of a made-up Triton."""

from __future__ import annotations

import socket
from pathlib import Path

import grpc
import pytest
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from tests.gateway.fakes import FakeTriton
from whatsit.gateway.process import GatewayProcess
from whatsit.gateway.settings import Settings


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_start(host: str, tmp_path: Path) -> None:
    try:
        socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with FakeTriton() as triton:
        settings = Settings(
            catalogues={"default": tmp_path},
            model_repository=tmp_path,
            upstream=triton.url,
            host=host,
            open_role="search",
        )
        process = GatewayProcess(settings, 0, 0, report=print)
        process.start()
        try:
            with grpc.insecure_channel(process.grpc_url) as channel:
                assert GRPCInferenceServiceStub(channel).ServerReady(pb.ServerReadyRequest(), timeout=120).ready
        finally:
            process.stop()
