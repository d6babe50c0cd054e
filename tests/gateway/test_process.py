"""The gateway's process on addresses of both kinds, in front of a made-up Triton."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from tests.gateway.fakes import FakeTriton
from whatsit.gateway import process as module
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


class Replaced:
    """Starts `sleep` in place of a gateway, and fails or waits where it is told to."""

    def __init__(self) -> None:
        self.failures = 0
        self.begun, self.going = threading.Event(), threading.Event()
        self.going.set()
        self.started: list[subprocess.Popen[bytes]] = []
        self._popen = subprocess.Popen

    def __call__(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        self.begun.set()
        self.going.wait(120)
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        self.started.append(self._popen(["sleep", "600"], **options))
        return self.started[-1]

    def running(self) -> list[subprocess.Popen[bytes]]:
        return [one for one in self.started if one.poll() is None]


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> Iterator[Replaced]:
    fake = Replaced()
    monkeypatch.setattr(subprocess, "Popen", fake)
    monkeypatch.setattr(module, "_accepts", lambda *_: True)
    yield fake
    for one in fake.started:
        one.kill()


@pytest.fixture
def watched(replaced: Replaced, tmp_path: Path) -> Iterator[GatewayProcess]:
    settings = Settings(catalogues={"default": tmp_path}, model_repository=tmp_path, upstream="", open_role="search")
    process = GatewayProcess(settings, 0, 0, report=print)
    process.start()
    yield process
    replaced.going.set()
    process.stop()


def until(holds: Callable[[], object]) -> bool:
    end = time.monotonic() + 120
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.02)
    return bool(held)


def test_a_start_that_the_system_refuses_is_repeated(watched: GatewayProcess, replaced: Replaced) -> None:
    replaced.failures = 2
    os.kill(watched.pid or 0, signal.SIGKILL)
    assert until(lambda: len(replaced.started) == 2 and replaced.running())
    assert replaced.failures == 0


def test_a_process_that_is_just_replaced_is_stopped_too(watched: GatewayProcess, replaced: Replaced) -> None:
    replaced.begun.clear()
    replaced.going.clear()
    os.kill(watched.pid or 0, signal.SIGKILL)
    assert replaced.begun.wait(120)
    stopping = threading.Thread(target=watched.stop)
    stopping.start()
    stopping.join(0.5)
    replaced.going.set()
    stopping.join()
    assert until(lambda: len(replaced.started) == 2)
    assert not replaced.running()
