"""Embedders of roll-outs that a running server loads and unloads."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from whatsit_client.errors import Damaged, Unavailable

from whatsit.catalogue.serving_pair import EMBEDDERS, ServingPair, write_pair
from whatsit.server import pair_follower as module
from whatsit.server.pair_follower import ModelChange, PairFollower, serving_servers
from whatsit.server.pair_models import Sets

OWN, OTHER = "a" * 16 + "-p1", "b" * 16 + "-p1"
NAMES = ["embedder", "identify"]


class Server:
    """A server of one catalogue, whose models and clock are made up."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.work = folder, folder.parent
        (folder / EMBEDDERS).mkdir(parents=True)
        self.networks = {OWN: folder / "own.onnx"}
        self.now = 100.0
        self.place: Callable[[], list[str]] = lambda: NAMES
        self.folders: Callable[[], dict[str, Path]] = lambda: {"default": folder}
        self.unload: Callable[[str], None] = lambda name: None
        monkeypatch.setattr(module, "wanted_sets", lambda *_: Sets(OWN, dict(self.networks)))
        monkeypatch.setattr(module, "place_set", lambda *_: self.place())
        monkeypatch.setattr(module, "remove_set", lambda *_: None)
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)
        self.pairs = PairFollower(lambda: self.folders(), folder / "own.onnx", (), None)
        self.pairs.lay_out(self.work)

    def want(self, *fingerprints: str) -> None:
        """Let these be the embedders beside."""
        self.networks = dict.fromkeys((OWN, *fingerprints), self.folder / "own.onnx")
        write_pair(self.folder, ServingPair(OWN, "".join(fingerprints), ready=True))

    def look(self, seconds: float = 60.0) -> ModelChange | None:
        self.now += seconds
        return self.pairs.follow(self.work, lambda name: None, lambda name: self.unload(name))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    return Server(tmp_path / "shop", monkeypatch)


def _loaded(server: Server) -> None:
    server.want(OTHER)
    change = server.look()
    assert change is not None
    assert change.loaded == tuple(NAMES)


def test_an_embedder_that_triton_does_not_unload_ends_no_server(server: Server) -> None:
    _loaded(server)

    def refuse(name: str) -> None:
        raise Unavailable(f"The step {name} could not be unloaded: it is busy.")

    server.unload = refuse
    server.want()
    change = server.look()
    assert change is not None
    assert change.unloaded == tuple(NAMES)
    assert "no longer served. Triton may still hold it: The step identify could not be unloaded" in change.notice
    assert server.look() is None


def test_a_full_disk_puts_off_an_embedder(server: Server) -> None:
    def full() -> list[str]:
        raise OSError(errno.ENOSPC, "No space left on device")

    server.place = full
    server.want(OTHER)
    change = server.look()
    assert change is not None
    assert (change.loaded, change.notice) == ((), "[Errno 28] No space left on device")
    assert server.look(1.0) is None  # it is tried again after a while
    server.place = lambda: NAMES
    _loaded(server)


def test_a_damaged_list_of_catalogues_is_said_now_and_then_and_leaves_them_as_they_were(server: Server) -> None:
    assert server.look() is None
    assert list(serving_servers(server.folder).values()) == [(OWN,)]

    def damaged() -> dict[str, Path]:
        raise Damaged("The list is damaged.")

    server.folders = damaged
    changes = [server.look(1.0) for _ in range(10)]
    assert [change.notice for change in changes if change] == ["The list is damaged."]
    assert list(serving_servers(server.folder).values()) == [(OWN,)]
    server.pairs.stop()
    assert serving_servers(server.folder) == {}
