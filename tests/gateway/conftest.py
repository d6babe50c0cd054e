"""A real Triton, closed, with a gateway and keys in front, for the tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from perf.gateway.target import Target
from tests.gateway.fakes import Answer, parse

if TYPE_CHECKING:
    from whatsit.server.launcher import Server


@dataclass(frozen=True)
class Running:
    """What the fixture `gateway` gives.

    Args:
        target: the gateway.
        server: Triton behind it.
        catalogue: folder of its own catalogue.
        work: folder of keys and logs.
    """

    target: Target
    server: Server
    catalogue: Path
    work: Path

    @property
    def url(self) -> str:
        return f"http://{self.target.host}:{self.target.port}"


Call = Callable[..., Answer]


@pytest.fixture(scope="session")
def gateway(catalogue: Path, shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One gateway for the session, on a copy of the catalogue that tests may change."""
    pytest.importorskip("pytriton", reason="the wheel nvidia-pytriton, which carries Triton, is not installed")
    from perf.gateway.target import target_on

    work = tmp_path_factory.mktemp("gateway")
    own = shutil.copytree(catalogue, work / "catalogue")
    picture = sorted((shop / "images").glob("*.jpg"))[11].read_bytes()
    with target_on(own, picture, work, fused=True) as (target, server):
        yield Running(target, server, own, work)


@pytest.fixture
def call(gateway: Running) -> Call:
    """Send one request to the gateway; _ in a header's name stands for -."""

    def send(method: str, path: str, key: str | None = "search", body: bytes = b"", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return parse(gateway.target.request(method, path, key, body, named))

    return send
