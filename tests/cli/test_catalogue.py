"""The commands of `whatsit catalogue`, with a made-up embedder in place of the networks."""

from __future__ import annotations

import hashlib
import json
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue.ingest import PictureAnalysis
from whatsit.catalogue.item import Vector
from whatsit.catalogue.store.picture_metadata import Prediction
from whatsit.cli.catalogue.app import app
from whatsit.index import open_generation


class FakeLook:
    fingerprint = "fake-embedder"

    def __init__(
        self, model_repository: Path | None = None, target: str = "onnxruntime", embedder: Path | None = None
    ) -> None:
        if model_repository is not None:
            raise Unavailable(f"There is no network in {model_repository}.")

    def __enter__(self) -> FakeLook:
        return self

    def __exit__(self, *_: object) -> None: ...

    def __call__(self, data: bytes, steps: frozenset[str]) -> PictureAnalysis:
        if not data:
            raise InvalidInput("The image is empty.")
        seed = int.from_bytes(hashlib.sha256(data).digest()[:8], "big")
        vector = np.random.default_rng(seed).normal(size=16).astype(np.float32)
        prediction = Prediction("accessories", 0.75, "bag", 0.5) if "categorise" in steps else None
        return PictureAnalysis((Vector((0.0, 0.0, 1.0, 1.0), vector / np.linalg.norm(vector)),), prediction=prediction)


@pytest.fixture(autouse=True)
def fake_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whatsit.catalogue.ingest.add.PictureAnalyzer", FakeLook)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name in "abc":
        (tmp_path / f"{name}.jpg").write_bytes(name.encode())
    (tmp_path / "empty.jpg").write_bytes(b"")
    rows = ["id,title,brand,price,image,flavour", "a,Milk,Arla,1.5,a.jpg,plain", "b,Tea,Lipton,2,b.jpg,green"]
    (tmp_path / "products.csv").write_text("\n".join([*rows, "c,Juice,Arla,3,c.jpg,", "d,Bad,,1,empty.jpg,"]))
    return tmp_path


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def run_json(*arguments: object, code: int = 0) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_add_list_show_delete_publish(shop: Path) -> None:
    folder = shop / "catalogue"
    added = run("add", folder, shop / "products.csv", "--publish")
    assert added.exit_code == 1  # a row was skipped
    assert "3 items added, 0 updated, 0 unchanged, 1 rows or pictures skipped" in added.stdout
    assert "products.csv line 5" in added.stderr
    assert "The image is empty" in added.stderr
    assert "3 items, 3 vectors" in added.stdout
    assert open_generation(folder / "index", "fake-embedder").manifest.items == 3

    listed = run("list", folder, "--where", '{"brand": "Arla"}')
    assert "Milk" in listed.stdout
    assert "Tea" not in listed.stdout
    assert "2 of 2 items" in listed.stdout
    shown = run("show", folder, "b")
    assert "predicted    bag (0.50), accessories (0.75)" in shown.stdout
    assert "green" in shown.stdout
    assert "1 vectors" in shown.stdout

    gone = run("delete", folder, "b", "z")
    assert gone.exit_code == 1
    assert "Deleted 1 of 2" in gone.stdout
    assert "z" in gone.stderr
    assert "2 items, 2 vectors" in run("publish", folder).stdout


def test_json_for_machines(shop: Path) -> None:
    folder = shop / "catalogue"
    added = run_json("add", folder, shop / "products.csv", "--publish", code=1)
    assert (added["added"], len(added["skipped"]), added["published"]["items"]) == (3, 1, 3)
    assert run_json("add", folder, shop / "products.csv", code=1)["unchanged"] == 3
    page = run_json("list", folder, "--limit", 1, "--offset", 1)
    assert (page["count"], page["items"][0]["id"]) == (3, "b")
    assert run_json("show", folder, "a")["attributes"] == {"flavour": "plain"}
    assert run_json("delete", folder, "a") == {"deleted": 1, "unknown": []}
    assert run_json("publish", folder)["fingerprint"] == "fake-embedder"


def test_budgets_choose_the_index_and_say_what_was_measured(shop: Path) -> None:
    folder = shop / "catalogue"
    run("add", folder, shop / "products.csv")
    said = run("publish", folder, "--min-recall", "0.9", "--max-memory", "1MB").stdout
    assert "Chosen by budgets: flat-byte" in said
    assert "ten nearest items" in said
    record = run_json("publish", folder)
    assert record["measured"]["recall"] >= 0.9
    assert record["shards"][0]["kind"] == "flat-byte"
    assert run_json("publish", folder, "--kind", "auto")["measured"] == {}
    for wrong in (["--kind", "trees"], ["--max-memory", "much"], ["--shards", "brand"], ["--min-recall", "2"]):
        assert isinstance(run("publish", folder, *wrong).exception, InvalidInput)


def test_several_sources_and_a_hint(shop: Path) -> None:
    (shop / "more").mkdir()
    (shop / "more" / "cup.jpg").write_bytes(b"cup")
    added = run("add", shop / "catalogue", shop / "products.csv", shop / "more")
    assert "4 items added" in added.stdout
    assert "whatsit catalogue publish" in added.stdout


def test_what_is_added_after_publishing_needs_no_publishing_and_compact_folds_it_in(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shop / "catalogue"
    (shop / "more").mkdir()
    (shop / "more" / "cup.jpg").write_bytes(b"cup")
    run("add", folder, shop / "products.csv", "--publish")
    added = run("add", folder, shop / "more")
    assert "1 items added" in added.stdout
    assert "publish" not in added.stdout
    assert run_json("compact", folder)["items"] == 4
    run("delete", folder, "a")
    monkeypatch.setattr("whatsit.catalogue.publish.COMPACT_BEYOND", 0)
    (shop / "more" / "cup.jpg").write_bytes(b"another cup")
    assert "2 items have changed" in run("add", folder, shop / "more").stdout
    assert "3 items, 3 vectors" in run("compact", folder).stdout


def test_steps_web_pictures_and_shards(shop: Path) -> None:
    """From a server on this machine, which is fetched from only when that is allowed."""
    with tarfile.open(shop / "s-000.tar", "w") as tar:
        tar.add(shop / "a.jpg", "a.jpg")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(shop)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/b.jpg"
        (shop / "web.csv").write_text(f"id,image\nw,{address}\n")
        folder = shop / "catalogue"
        refused = run("add", folder, shop / "web.csv", shop / "s-*.tar")
        assert "1 items added" in refused.stdout
        assert "127.0.0.1, which is not on the public internet" in refused.stderr
        assert "1 items added" in run("add", folder, shop / "web.csv", "--allow-private", "--keep-pictures").stdout
    finally:
        server.shutdown()
        server.server_close()
    assert run_json("show", folder, "w")["image"] == address
    assert [one.read_bytes() for one in (folder / "pictures").iterdir()] == [b"b"]
    run("delete", folder, "w", "--forever")
    assert not list((folder / "pictures").iterdir())
    assert isinstance(run("add", folder, shop / "web.csv", "--steps", "hash,dance").exception, InvalidInput)
    assert isinstance(run("add", folder, shop / "web.csv", "--engine", "cloud").exception, InvalidInput)


def test_when_nothing_could_be_read_the_exit_code_says_so(shop: Path) -> None:
    (shop / "bad.csv").write_text("id,image\nx,gone.jpg\n")
    result = run("add", shop / "catalogue", shop / "bad.csv", "--publish")
    assert result.exit_code == 1
    assert "no such picture" in result.stderr


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--steps", "hash"), "neither results of steps nor pictures are kept: leave out --keep-pictures, and --steps"),
        (("--keep-pictures",), "neither results of steps nor pictures are kept"),
        (("--publish",), "every change is searched at once: there is no index to publish"),
    ],
)
def test_what_milvus_cannot_do_is_refused_before_anything_is_made(
    shop: Path, options: tuple[str, ...], sentence: str
) -> None:
    folder = shop / "catalogue"
    refusal = run("add", folder, shop / "products.csv", "--store", "milvus://host/db", *options).exception
    assert isinstance(refusal, InvalidInput)
    assert sentence in str(refusal)
    assert f"The catalogue of {folder} is in milvus://host/db" in str(refusal)
    assert not folder.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "CATALOGUE", "gone.csv"),
        ("add", "CATALOGUE", "products.csv", "--model-repository", "gone"),
        ("list", "CATALOGUE"),
        ("show", "CATALOGUE", "a"),
        ("delete", "CATALOGUE", "a"),
        ("publish", "CATALOGUE"),
        ("compact", "CATALOGUE"),
    ],
)
def test_what_is_not_there_is_refused_and_not_made(shop: Path, arguments: tuple[str, ...]) -> None:
    names = {"CATALOGUE": "catalogue", "gone.csv": "gone.csv", "products.csv": "products.csv", "gone": "gone"}
    result = run(*(shop / names[one] if one in names else one for one in arguments))
    assert isinstance(result.exception, (InvalidInput, Unavailable))
    assert not (shop / "catalogue").exists()


def test_a_malformed_filter_is_refused(shop: Path) -> None:
    run("add", shop / "catalogue", shop / "products.csv")
    assert isinstance(run("list", shop / "catalogue", "--where", "{").exception, InvalidInput)


def test_wrong_usage_is_exit_code_2(shop: Path) -> None:
    assert run("add", shop / "catalogue").exit_code == 2
    assert run("list", shop / "catalogue", "--limit", 0).exit_code == 2


@pytest.mark.parametrize("verb", ["add", "list", "show", "delete", "publish", "compact"])
def test_every_help_has_an_example(verb: str) -> None:
    result = run(verb, "--help")
    assert result.exit_code == 0
    assert f"Example: whatsit catalogue {verb}" in result.stdout


def test_a_file_of_prices_changes_prices_alone(shop: Path) -> None:
    folder = shop / "catalogue"
    run("add", folder, shop / "products.csv", "--publish")
    prices = shop / "prices.csv"
    prices.write_text("SKU;Preis\na;1,75 €\nb;gratis\nz;3,00 €\n")
    added = run_json("add", folder, prices, code=1)
    assert (added["added"], added["updated"], added["unchanged"], added["skipped_rows"]) == (0, 1, 1, 1)
    assert "the catalogue has no item 'z'" in added["skipped"][0]["reason"]
    assert any("its price 'gratis' is no amount" in note["reason"] for note in added["notes"])
    item = run_json("show", folder, "a")
    assert (item["title"], item["brand"], item["price"]) == ("Milk", "Arla", 1.75)
    assert item["attributes"] == {"flavour": "plain", "currency": "EUR"}
    assert sum(image["vectors"] for image in item["images"]) == 1
    assert run_json("show", folder, "b")["price"] == 2


def test_edit_changes_single_fields(shop: Path) -> None:
    folder = shop / "catalogue"
    run("add", folder, shop / "products.csv", "--publish")
    said = run("edit", folder, "a", "--price", "1,75 €", "--set", "fat=3", "--unset", "flavour")
    assert said.exit_code == 0, said.output
    assert "1.5 -> 1.75" in said.stdout
    item = run_json("show", folder, "a")
    assert (item["title"], item["brand"], item["price"]) == ("Milk", "Arla", 1.75)
    assert item["attributes"] == {"fat": 3, "currency": "EUR"}
    assert sum(image["vectors"] for image in item["images"]) == 1
    assert run_json("edit", folder, "a", "--title", "Oat milk")["changed"] == {"title": "Oat milk"}
    for wrong in (["z", "--title", "x"], ["a"], ["a", "--price", "1,234"], ["a", "--set", "x"], ["a", "--unset", "x"]):
        assert run("edit", folder, *wrong).exit_code != 0


def test_a_dry_run_shows_what_is_understood_and_adds_nothing(shop: Path) -> None:
    folder, table = shop / "catalogue", shop / "waren.csv"
    table.write_text("Artikelnummer;Bezeichnung;Preis;Bild;Farbe\n007;Milch;1.234,50 €;a.jpg;weiß\n8;Tee;2;x.jpg;\n")
    shown = run("add", folder, table, "--dry-run")
    assert shown.exit_code == 1  # x.jpg is not there
    assert "column 'Bezeichnung' is title" in shown.stdout
    assert "column 'Farbe' is an attribute" in shown.stdout
    assert "1234.5" in shown.stdout
    assert "there is no picture" in shown.stderr
    assert not folder.exists()
    mapped = run_json("add", folder, table, "--dry-run", "--map", "brand=Farbe", code=1)["sources"][0]
    assert mapped["rows"][0]["brand"] == "weiß"
    assert mapped["rows"][0]["id"] == "007"
    for wrong in (
        ["--map", "x=y"],
        ["--map", "title"],
        ["--map", "title=Nix"],
        ["--decimal", "x"],
        ["--encoding", "x"],
    ):
        assert run("add", folder, table, "--dry-run", *wrong).exit_code != 0
