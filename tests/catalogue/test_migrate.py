"""Moving a catalogue into Milvus and back, with a stop on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner
from whatsit_client.errors import InvalidInput, Unavailable, WhatsitError

from whatsit.catalogue import Layout, Store
from whatsit.catalogue.backends import open_store, set_store_url, store_url
from whatsit.catalogue.item import ItemFields, Picture
from whatsit.catalogue.milvus.milvus_store import MilvusStore
from whatsit.catalogue.milvus.milvus_url import TOKEN_VARIABLE, Address
from whatsit.catalogue.publish import publish
from whatsit.catalogue.store_migration import migrate
from whatsit.cli.app import app

E = "embedder"
PictureOf = Callable[..., Picture]


@pytest.fixture
def folder(tmp_path: Path, picture_of: PictureOf) -> Path:
    """A published catalogue of 60 items."""
    with Store(Layout(tmp_path / "shop").store) as store:
        store.put(
            (ItemFields(f"i{i}", f"Item {i}", attributes={"n": i}), [picture_of(f"p{i}", 1 + i % 2)], E)
            for i in range(60)
        )
        publish(store, Layout(tmp_path / "shop").index)
    return tmp_path / "shop"


def everything(folder: Path) -> Iterator[tuple[ItemFields | None, list[tuple[str, str, bytes]]]]:
    items = open_store(folder, read_only=True)
    for i in range(60):
        pictures = items.pictures(f"i{i}", E)
        yield (
            items.fields(f"i{i}"),
            [(one.path, one.sha256, b"".join(v.values.tobytes() for v in one.vectors)) for one in pictures],
        )
    items.close()


def test_there_and_back(folder: Path, milvus_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MilvusStore, "close", lambda self: None)  # the file is the whole session's
    monkeypatch.setattr("whatsit.catalogue.store_migration._BATCH", 40)
    url = f"milvus://{milvus_file}?catalogue=moved"
    before = list(everything(folder))

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with Store(Layout(folder).store, read_only=True) as source, pytest.raises(KeyboardInterrupt):
        migrate(source, MilvusStore(Address.parse(url)), folder, progress=stop)
    done = CliRunner().invoke(app, ["catalogue", "migrate", str(folder), url, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    migrated = json.loads(done.stdout)
    assert (migrated["items"], migrated["written"], migrated["searches"]) == (60, 20, 20)
    assert migrated["agreement"] == 1.0
    assert store_url(folder) == url
    assert list(everything(folder)) == before
    shown = CliRunner().invoke(app, ["catalogue", "show", str(folder), "i7", "--json"], catch_exceptions=False)
    assert json.loads(shown.stdout)["attributes"] == {"n": 7}
    with pytest.raises(InvalidInput, match="no index to publish"):
        CliRunner().invoke(app, ["catalogue", "publish", str(folder)], catch_exceptions=False)
    with pytest.raises(InvalidInput, match="there already"):
        CliRunner().invoke(app, ["catalogue", "migrate", str(folder), url], catch_exceptions=False)

    open_store(folder).delete(["i0"])
    with pytest.raises(Unavailable, match="59 items were moved and 60 are there"):
        CliRunner().invoke(app, ["catalogue", "migrate", str(folder), "embedded"], catch_exceptions=False)
    assert store_url(folder) == url
    with Store(Layout(folder).store) as store:
        store.delete(["i0"])
    CliRunner().invoke(app, ["catalogue", "migrate", str(folder), "embedded"], catch_exceptions=False)
    assert store_url(folder) is None
    assert list(everything(folder))[1:] == before[1:]


def test_a_folder_names_one_store(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="itself"):
        set_store_url(folder, "milvus://host:1/db")
    set_store_url(tmp_path / "new", "milvus://host:1/db")
    set_store_url(tmp_path / "new", "milvus://host:1/db")
    with pytest.raises(InvalidInput, match="migrate"):
        set_store_url(tmp_path / "new", "milvus://other:1/db")
    Layout(tmp_path / "new").address.write_text("nonsense")
    with pytest.raises(WhatsitError, match="does not name a store"):
        open_store(tmp_path / "new")


@pytest.mark.parametrize(
    ("url", "uri", "rest"),
    [
        ("milvus://10.0.0.1:19530/shop", "http://10.0.0.1:19530", ("shop", "whatsit", "HNSW", "Strong")),
        ("milvus://host", "http://host:19530", ("", "whatsit", "HNSW", "Strong")),
        ("milvus://h:1/d?catalogue=b&tls=1&index=flat", "https://h:1", ("d", "b", "FLAT", "Strong")),
        ("milvus:///data/x.db?consistency=bounded", "/data/x.db", ("", "whatsit", "FLAT", "Bounded")),
    ],
)
def test_addresses(url: str, uri: str, rest: tuple[str, str, str, str]) -> None:
    address = Address.parse(url)
    assert address.uri == uri
    assert (address.database, address.catalogue, address.index, address.consistency) == rest


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://host", "no address"),
        ("milvus://", "no address"),
        ("milvus://user:secret@host", TOKEN_VARIABLE),
        ("milvus://host:x/db", "port"),
        ("milvus://host?colour=red", "catalogue=NAME"),
        ("milvus://host?catalogue=a-b", "letters, digits"),
    ],
)
def test_addresses_that_are_refused(url: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence) as refusal:
        Address.parse(url)
    assert "secret" not in str(refusal.value)


def test_a_server_that_is_not_there_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pymilvus", reason="the extra 'milvus' is not installed")
    monkeypatch.setattr("whatsit.catalogue.milvus.milvus_url._SECONDS", 0.5)
    with pytest.raises(Unavailable, match=r"Milvus at http://127\.0\.0\.1:1 failed"):
        Address.parse("milvus://127.0.0.1:1").connect()
