"""Changes over the network on a real Triton: visible at the next call, under load, across indexes and kills."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from whatsit_client import AsyncClient, Client, Identification, InvalidInput, Item, WhatsitError

from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.publish import publish
from whatsit.catalogue.store.store import Store
from whatsit.server.launcher import Server
from whatsit.server.ports import Ports

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def own_server(catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a copy of the catalogue: what is changed here is nobody else's."""
    pytest.importorskip("pytriton", reason="the wheel nvidia-pytriton, which carries Triton, is not installed")
    folder = shutil.copytree(catalogue, tmp_path_factory.mktemp("live") / "catalogue")
    with Server(Path(folder), ports=Ports(0, 0, 0)) as running:
        yield running


@pytest.fixture(params=["grpc", "http"])
def client(request: pytest.FixtureRequest, own_server: Server) -> Iterator[Client]:
    url = own_server.grpc_url if request.param == "grpc" else f"http://{own_server.http_url}"
    with Client(url) as opened:
        yield opened


@pytest.fixture(scope="module")
def scenes(shop: Path) -> list[Path]:
    return sorted((shop / "scenes").glob("*.jpg"))


def ids(found: Identification) -> list[str]:
    return [match.item.id for match in found.regions[0].matches]


def test_every_change_shows_at_the_very_next_call(client: Client, scenes: list[Path]) -> None:
    for round_ in range(4):  # both instances of `retrieval` answer some of these calls
        assert client.upsert(Item("live", "A live scene", price=2.0), scenes[0]) == "added"
        best = client.identify(scenes[0], gate=False, rerank="none").regions[0].matches[0]
        assert (best.item.id, best.item.title) == ("live", "A live scene")
        assert best.score > 1.95
        assert client.upsert({"id": "live", "title": f"Round {round_}"}) == "updated"
        assert (
            client.identify(scenes[0], gate=False, rerank="none").regions[0].matches[0].item.title == f"Round {round_}"
        )
        assert ids(client.identify(scenes[0], gate=False, where={"title": f"Round {round_}"})) == ["live"]
        assert client.get("live").title == f"Round {round_}"
        assert client.delete("live") == ()
        found = client.identify(scenes[0], gate=False, min_score=0, rerank="none", top_k=100)
        assert "live" not in ids(found)
        assert len(ids(found)) == 40
        assert client.delete("live") == ("live",)


def test_vectors_of_embed_can_be_put_in_place_of_a_picture(client: Client, scenes: list[Path]) -> None:
    vectors = client.embed(scenes[1], gate=False).vectors[:1]
    client.upsert({"id": "vectors", "image": "https://shop.test/a.jpg"}, vectors=vectors)
    best = client.identify(scenes[1], gate=False, rerank="none").regions[0].matches[0].item
    assert (best.id, best.image) == ("vectors", "https://shop.test/a.jpg")
    client.delete("vectors")


def test_a_change_from_outside_shows_too(own_server: Server, client: Client, scenes: list[Path]) -> None:
    """What `whatsit catalogue add` and `delete` write to the store needs no publishing."""
    vectors = client.embed(scenes[2], gate=False).vectors
    with Store(Layout(own_server.catalogue).store) as store:
        fingerprint = store.fingerprints()[0]
        picture = Picture("/pictures/outside.jpg", "0", (Vector((0.0, 0.0, 1.0, 1.0), vectors[0]),))
        store.put([(ItemFields("outside"), [picture], fingerprint)])
        assert ids(client.identify(scenes[2], gate=False, rerank="none"))[0] == "outside"
        store.delete(["outside"])
        assert "outside" not in ids(client.identify(scenes[2], gate=False, min_score=0, rerank="none", top_k=100))


def test_bad_changes_are_the_callers_fault_and_change_nothing(client: Client, scenes: list[Path]) -> None:
    before = client.stats()
    for item, image, words in [
        ({"id": ""}, scenes[0], "non-empty id"),
        ({"id": "x"}, None, "has no picture yet"),
        ({"id": "x"}, b"no picture", "image"),
        ({"id": "x", "price": "dear"}, scenes[0], "price"),
        ({"id": "x", "weight": 3}, scenes[0], "unknown field 'weight'"),
    ]:
        with pytest.raises(InvalidInput, match=words):
            client.upsert(item, image)
    with pytest.raises(InvalidInput, match="no item 'x'"):
        client.get("x")
    with pytest.raises(InvalidInput, match="1000"):
        client.delete(*(str(i) for i in range(1001)))
    assert client.stats() == before
    assert client.is_ready()


def test_asyncio_clients_change_it_too(own_server: Server, scenes: list[Path]) -> None:
    async def change() -> None:
        async with AsyncClient(own_server.grpc_url) as client:
            assert await client.upsert({"id": "later"}, scenes[3]) == "added"
            assert (await client.get("later")).id == "later"
            assert ids(await client.identify(scenes[3], gate=False, rerank="none"))[0] == "later"
            assert (await client.stats()).items == 41
            assert await client.delete("later") == ()

    asyncio.run(change())


def test_changes_and_new_indexes_under_load_fail_no_request_and_return_nothing_deleted(
    own_server: Server, scenes: list[Path]
) -> None:
    gone: set[str] = set()
    failures: list[object] = []
    stop = threading.Event()

    def ask(client: Client) -> None:
        try:
            while not stop.is_set():
                before = set(gone)
                found = ids(client.identify(scenes[0], gate=False, min_score=0, rerank="none", top_k=100))
                if before & set(found) or len(found) < 40:
                    failures.append(before & set(found))
        except WhatsitError as error:
            failures.append(error)

    rng = np.random.default_rng(1)
    layout = Layout(own_server.catalogue)
    with Client(own_server.grpc_url) as client, Store(layout.store) as store:
        threads = [threading.Thread(target=ask, args=(client,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for step in range(60):
            vector = rng.normal(size=(1, 128))
            client.upsert({"id": f"n{step}"}, vectors=vector / np.linalg.norm(vector))
            if step % 3 == 0:
                client.delete(f"n{step}")
                gone.add(f"n{step}")
            if step % 15 == 7:
                publish(store, layout.index)
        stop.set()
        for thread in threads:
            thread.join()
        assert not failures
        publish(store, layout.index)
        stats = client.stats()
        assert (stats.items, stats.items_indexed, stats.pending) == (80, 80, 0)
        client.delete(*(f"n{step}" for step in range(60) if step % 3))


def test_a_choice_is_kept_over_the_network(client: Client, shop: Path) -> None:
    picture = sorted((shop / "images").glob("*.jpg"))[0]
    before = client.feedback(picture, picture.stem)
    assert client.feedback(picture, picture.stem, box=(0, 0, 100, 100)) == before + 1
    with pytest.raises(InvalidInput, match="no item"):
        client.feedback(picture, "no such item")


def test_a_read_only_server_shows_items_and_refuses_changes(catalogue: Path) -> None:
    pytest.importorskip("pytriton", reason="the wheel nvidia-pytriton, which carries Triton, is not installed")
    with Server(catalogue, ports=Ports(0, 0, 0), read_only=True) as running, Client(running.grpc_url) as client:
        stats = client.stats()
        assert (stats.read_only, stats.items) == (True, 40)
        with pytest.raises(InvalidInput, match="started read-only"):
            client.delete("anything")


def test_a_killed_server_loses_no_change_that_it_acknowledged(own_server: Server) -> None:
    """The last test of this server, which does not survive it."""
    rng = np.random.default_rng(2)
    acknowledged: list[str] = []

    def change() -> None:
        with Client(own_server.grpc_url, retries=0, timeout=60) as client:
            for step in range(10_000):
                vector = rng.normal(size=(1, 128))
                try:
                    client.upsert({"id": f"k{step}"}, vectors=vector / np.linalg.norm(vector))
                except WhatsitError:
                    return
                acknowledged.append(f"k{step}")

    writer = threading.Thread(target=change)
    writer.start()
    while len(acknowledged) < 20:
        assert writer.is_alive(), "the server fell before it was killed"
        time.sleep(0.01)
    assert own_server.pid is not None
    os.killpg(own_server.pid, signal.SIGKILL)
    writer.join()
    with Store(Layout(own_server.catalogue).store) as store:
        there = {record["id"] for record in store.page(limit=100_000)}
    assert len(acknowledged) >= 20
    assert set(acknowledged) <= there
