"""A real Triton whose catalogue is in Milvus: milvus-lite's server, which several processes share."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from whatsit_client import Client, Item, WhatsitError
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue.backends import open_store, write_address
from whatsit.catalogue.store_migration import migrate
from whatsit.engines.repository import default_root
from whatsit.search.check_catalogue import check_catalogue
from whatsit.server.launcher import Server
from whatsit.server.ports import Ports

pytestmark = pytest.mark.triton


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running milvus-lite."""
    pytest.importorskip("milvus_lite", reason="the extra 'milvus' is not installed")
    port, folder = free_port(), tmp_path_factory.mktemp("milvus")
    command = [sys.executable, "-m", "milvus_lite", "server", "--data-dir", str(folder / "s.db"), "--port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "--host", "127.0.0.1"], stdout=log, stderr=log)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"milvus://127.0.0.1:{port}"
    process.terminate()
    process.wait()


@pytest.fixture(scope="module")
def moved(catalogue: Path, milvus: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the shop's catalogue, which is in Milvus."""
    source, folder = open_store(catalogue, read_only=True), tmp_path_factory.mktemp("moved")
    write_address(folder, milvus)
    target = open_store(folder)
    assert migrate(source, target, catalogue).agreement == 1.0
    source.close()
    target.close()
    return folder


def test_identify_and_changes_on_milvus_are_as_on_files(server: Server, moved: Path, shop: Path) -> None:
    scenes = sorted((shop / "scenes").glob("*.jpg"))
    with (
        Client(server.grpc_url) as embedded,
        Server(moved, ports=Ports(0, 0, 0)) as running,
        Client(running.grpc_url) as client,
    ):
        for scene in scenes:
            expected, found = (
                [
                    [(match.item.id, round(match.score, 3)) for match in region.matches]
                    for region in one.identify(scene, gate=False, rerank="none").regions
                ]
                for one in (embedded, client)
            )
            assert found == expected
        where = {"price": {"$lt": 10}, "category": {"$ne": "drinks"}}
        expected, found = (
            [
                match.item.id
                for match in one.identify(scenes[0], gate=False, rerank="none", where=where).regions[0].matches
            ]
            for one in (embedded, client)
        )
        assert found == expected
        assert client.upsert(Item("live", "A live scene", price=2.0), scenes[0]) == "added"
        for _ in range(4):  # both instances of `retrieval` answer some of these calls
            best = client.identify(scenes[0], gate=False, rerank="none").regions[0].matches[0]
            assert (best.item.id, best.item.title) == ("live", "A live scene")
        assert client.upsert({"id": "live", "title": "Renamed"}) == "updated"
        assert client.identify(scenes[0], gate=False).regions[0].matches[0].item.title == "Renamed"
        assert client.stats().items == 41
        client.delete("live")
        for _ in range(4):
            found = client.identify(scenes[0], gate=False, rerank="none").regions[0].matches
            assert "live" not in [match.item.id for match in found]
        for refused in ({"text": "milk"}, {"rerank": "geometry"}):
            with pytest.raises(InvalidInput):
                client.identify(scenes[0], gate=False, **refused)
        with pytest.raises(WhatsitError, match="Milvus"):
            client.feedback(scenes[0], "P00001")


def test_a_file_that_one_process_may_open_is_not_served(tmp_path: Path) -> None:
    write_address(tmp_path, f"milvus://{tmp_path}/x.db")
    with pytest.raises(Unavailable, match="milvus-lite server"):
        check_catalogue(tmp_path, default_root() / "model_repository")
