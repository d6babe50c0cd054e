"""Several catalogues in one real Triton: each call answers from its own, and they come and go while it runs."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from whatsit_client import Client, InvalidInput, Unavailable

from tests.gateway.fakes import ask
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.store import Store
from whatsit.server.launcher import Server
from whatsit.server.ports import Ports
from whatsit.serving.catalogue_file import write_catalogues

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def halves(catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The shop's items in two catalogues, every second one in each; and `third`, which is `even` once more."""
    pytest.importorskip("pytriton", reason="the wheel nvidia-pytriton, which carries Triton, is not installed")
    work = tmp_path_factory.mktemp("several")
    folders = {}
    for position, name in ((0, "even"), (1, "odd"), (0, "third")):
        folders[name] = Path(shutil.copytree(catalogue, work / name))
        with Store(Layout(folders[name]).store) as store:
            store.delete([record["id"] for record in store.page(limit=100)[1 - position :: 2]])
    return folders


def ids_of(folder: Path) -> set[str]:
    with Store(Layout(folder).store, read_only=True) as store:
        return {record["id"] for record in store.page(limit=100)}


@pytest.fixture
def server(halves: dict[str, Path]) -> Iterator[Server]:
    with Server({name: halves[name] for name in ("even", "odd")}, ports=Ports(0, 0, 0)) as running:
        yield running


def test_each_call_answers_from_its_own_while_others_come_and_go(
    server: Server, halves: dict[str, Path], shop: Path, tmp_path: Path
) -> None:
    photo = sorted((shop / "images").glob("*.jpg"))[0]
    scene = sorted((shop / "scenes").glob("*.jpg"))[0]

    def found(client: Client, name: str | None, picture: Path = photo) -> set[str]:
        result = client.identify(picture, catalogue=name, gate=False, min_score=0, rerank="none", top_k=100)
        return {match.item.id for match in result.regions[0].matches}

    with Client(server.grpc_url) as client, Client(f"http://{server.http_url}") as over_http:
        for one in (client, over_http, client):  # both instances of `retrieval` answer some of these calls
            assert [found(one, name) for name in (None, "even", "odd")] == [
                ids_of(halves[name]) for name in ("even", "even", "odd")
            ]
        assert client.stats(catalogue="odd").items == client.stats().items == 20
        with pytest.raises(InvalidInput, match=r"There is no catalogue 'x'; there are even, odd\."):
            client.identify(photo, catalogue="x")
        with pytest.raises(InvalidInput, match=r"There is no catalogue 'x'; there are even, odd\."):
            client.upsert({"id": "new"}, scene, catalogue="x")

        assert client.upsert({"id": "new", "title": "New"}, scene, catalogue="odd") == "added"
        assert "new" in found(client, "odd", scene)
        assert "new" not in found(client, None, scene)
        assert client.get("new", catalogue="odd").title == "New"
        with pytest.raises(InvalidInput, match="no item 'new'"):
            client.get("new")
        assert client.feedback(scene, "new", catalogue="odd") == 1
        assert client.delete("new") == ("new",)
        assert client.delete("new", catalogue="odd") == ()

        answers: list[set[str] | Exception] = []
        stopping = threading.Event()

        def call() -> None:
            with Client(server.grpc_url) as own:
                while not stopping.is_set():
                    answers.append(_outcome(lambda: found(own, "even")))

        caller = threading.Thread(target=call, daemon=True)
        caller.start()
        server.set_catalogues({name: halves[name] for name in ("even", "odd", "third")})
        assert found(client, "third") == ids_of(halves["third"])
        assert _users(halves["odd"])
        server.set_catalogues({name: halves[name] for name in ("third", "even")})
        for _ in range(4):
            with pytest.raises(InvalidInput, match=r"There is no catalogue 'odd'; there are third, even\."):
                found(client, "odd")
        assert found(client, None) == ids_of(halves["third"])
        assert _until(lambda: not _users(halves["odd"])), _users(halves["odd"])
        with pytest.raises(Unavailable, match="no catalogue in"):
            server.set_catalogues({"even": halves["even"], "gone": tmp_path / "gone"})
        write_catalogues(_file(server), {"even": halves["even"], "gone": tmp_path / "gone"})
        for ask_it in (lambda: found(client, "gone"), lambda: client.stats(catalogue="gone")):
            with pytest.raises(Unavailable, match="The catalogue 'gone' cannot be opened: There is no catalogue"):
                ask_it()
        shutil.copytree(halves["odd"], tmp_path / "copy").rename(tmp_path / "gone")
        back = functools.partial(_outcome, lambda: found(client, "gone"))
        assert _until(lambda: back() == ids_of(halves["odd"])), back()
        stopping.set()
        caller.join()
        assert all(answer == ids_of(halves["even"]) for answer in answers), answers


def _file(server: Server) -> Path:
    """The server's own list of catalogues."""
    environment = Path(f"/proc/{server.pid}/environ").read_bytes().decode().split("\0")
    return Path(dict(line.partition("=")[::2] for line in environment)["WHATSIT_CATALOGUES"])


def _outcome(call: Callable[[], set[str]]) -> set[str] | Exception:
    """The result of a call, or its error."""
    try:
        return call()
    except Exception as error:
        return error


def _until(holds: Callable[[], bool]) -> bool:
    """Whether a condition holds within two minutes, which a busy machine may need."""
    end = time.monotonic() + 120
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.1)
    return held


def _users(folder: Path) -> set[str]:
    """Process ids of the steps that have a file of a catalogue open or in memory."""
    users = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if b"triton_python_backend_stub" in (process / "cmdline").read_bytes():
                files = {os.readlink(one) for one in (process / "fd").iterdir()}
                if f"{folder}/" in (process / "maps").read_text() or any(f"{folder}/" in one for one in files):
                    users.add(process.name)
    return users


def test_the_command_follows_the_file_of_its_catalogues(halves: dict[str, Path], shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "catalogues.json"
    file.write_text(json.dumps({"even": str(halves["even"])}))
    command = [sys.executable, "-m", "whatsit.cli", "serve", "--catalogues", str(file), "--fused", "--port=0"]
    command += ["--grpc-port=0", "--metrics-port=0", "--http-port=0"]
    picture = sorted((shop / "images").glob("*.jpg"))[0].read_bytes()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process, closing(process.stderr) as told:
        assert told is not None
        port = next(int(found[1]) for line in told if (found := re.search(r"HTTP 127\.0\.0\.1:(\d+)", line)))

        def found(path: str) -> set[str]:
            reply = ask(port, "POST", f"{path}/identify?gate=false&min_score=0&rerank=none&top_k=100", picture)
            assert reply.status == 200, reply.body
            return {match["item"]["id"] for match in reply.json["regions"][0]["matches"]}

        assert found("/v1") == found("/v1/c/even") == ids_of(halves["even"])
        assert ask(port, "POST", "/v1/c/odd/identify", picture).status == 404
        write_catalogues(file, {"odd": halves["odd"], "even": halves["even"]})
        assert found("/v1") == found("/v1/c/odd") == ids_of(halves["odd"])
        assert found("/v1/c/even") == ids_of(halves["even"])
        some = sorted(ids_of(halves["odd"]))[0]
        assert ask(port, "GET", f"/v1/c/odd/items/{some}").status == 200
        assert ask(port, "GET", f"/v1/c/even/items/{some}").status == 404
        write_catalogues(file, {"even": halves["even"]})
        assert ask(port, "POST", "/v1/c/odd/identify", picture).status == 404
        assert found("/v1") == ids_of(halves["even"])
        process.terminate()
        assert process.wait(60) == 0
