"""`whatsit catalogue delete`, `undelete`, `fields`, `search` and `export`, and catalogues that were moved."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner
from whatsit_client.errors import InvalidInput

from tests.cli.test_catalogue import FakeLook
from whatsit.catalogue import Layout, Store
from whatsit.catalogue.store import deleted_items
from whatsit.catalogue.store.picture_files import keep_picture
from whatsit.cli.catalogue.app import app


@pytest.fixture(autouse=True)
def fake_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whatsit.catalogue.ingest.add.PictureAnalyzer", FakeLook)


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def run_json(*arguments: object, code: int = 0) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A shop's folder with pictures, a table and a catalogue, which may be moved as a whole."""
    folder = tmp_path / "shop"
    (folder / "images").mkdir(parents=True)
    for name in ("a", "b", "c", "d"):
        (folder / "images" / f"{name}.jpg").write_bytes(name.encode())
    items = [
        {"id": "007", "title": "Milk", "brand": "Arla", "price": 1.234, "image": ["images/a.jpg", "images/b.jpg"]},
        {"id": "B", "title": "Green tea; bags, 20", "brand": "Lipton", "price": 2.5, "image": "images/c.jpg"},
        {"id": "C", "title": 'Juice "fresh"', "brand": "Arla", "image": "images/d.jpg"},
    ]
    more = [
        {"flavour": "plain", "size": "1,234", "Preis": "old"},
        {"flavour": "green", "pieces": 20, "bio": True, "tags": ["hot", "20"]},
        {"pieces": 2.5, "bio": False},
    ]
    lines = [json.dumps({**item, "attributes": extra}) for item, extra in zip(items, more, strict=True)]
    (folder / "products.jsonl").write_text("\n".join(lines))
    assert run("add", folder / "catalogue", folder / "products.jsonl", "--publish").exit_code == 0
    return folder


def state(folder: Path) -> dict[str, Any]:
    with Store(Layout(folder).store, read_only=True) as store:
        return {
            record["id"]: (store.fields(record["id"]), [one.sha256 for one in store.pictures(record["id"], "x")])
            for record in store.page(limit=100)
        }


def test_a_deletion_is_undone_with_pictures_and_vectors(shop: Path) -> None:
    folder = shop / "catalogue"
    before, shown = state(folder), run_json("show", folder, "007")
    done = run("delete", folder, "007", "B")
    assert f"undelete {folder} --last" in done.stdout
    assert set(state(folder)) == {"C"}
    listed = run_json("undelete", folder, "--list")
    assert (listed["count"], [one["id"] for one in listed["items"]]) == (2, ["007", "B"])
    assert run_json("undelete", folder, "--last") == {"restored": ["007", "B"]}
    assert state(folder) == before
    assert run_json("show", folder, "007") == shown
    assert run_json("verify", folder)["problems"] == []
    assert isinstance(run("undelete", folder, "--last").exception, InvalidInput)


def test_what_cannot_be_restored_is_refused_as_a_whole(shop: Path) -> None:
    folder = shop / "catalogue"
    run("delete", folder, "007", "B")
    run("add", folder, shop / "products.jsonl")
    assert "has an item '007' again" in str(run("undelete", folder, "--last").exception)
    run("delete", folder, "B")
    assert "No deleted item 'zz'" in str(run("undelete", folder, "B", "zz").exception)
    assert set(state(folder)) == {"007", "C"}
    assert run_json("undelete", folder, "B") == {"restored": ["B"]}
    run("delete", folder, "B", "--forever")
    assert isinstance(run("undelete", folder, "B").exception, InvalidInput)


def test_deleted_items_are_kept_within_a_limit_and_their_files_go_with_them(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shop / "catalogue"
    with Store(Layout(folder).store) as store:
        kept = keep_picture(Layout(folder).pictures, b"\xff\xd8 sent")
        (old,) = store.pictures("C", "fake-embedder")
        fields = store.fields("C")
        assert fields is not None
        store.put([(fields, [old.__class__(str(kept), "sha", old.vectors)], "fake-embedder")])
        store.delete(["C"])
        assert kept.is_file()
        assert store.files.own() == {f"pictures/{kept.name}": None}
        monkeypatch.setattr(deleted_items, "KEPT_ITEMS", 1)
        store.delete(["B"])
        assert [one.id for one in store.deleted.latest()] == ["B"]
        assert not kept.exists()


def test_delete_takes_a_filter(shop: Path) -> None:
    folder, where = shop / "catalogue", '{"brand": "Arla"}'
    assert run_json("delete", folder, "--where", where, "--dry-run") == {"would_delete": ["007", "C"]}
    assert "Would delete 2 items: 007, C" in run("delete", folder, "--where", where, "--dry-run").stdout
    assert run_json("delete", folder, "--where", where) == {"deleted": 2, "unknown": []}
    assert set(state(folder)) == {"B"}
    assert isinstance(run("delete", folder).exception, InvalidInput)
    assert isinstance(run("delete", folder, "B", "--where", where).exception, InvalidInput)


@pytest.mark.parametrize("verb", ["list", "delete"])
def test_a_filter_on_an_unknown_field_names_the_near_ones(shop: Path, verb: str) -> None:
    folder = shop / "catalogue"
    said = str(run(verb, folder, "--where", '{"flavor": "green"}').exception)
    assert "No item has the field 'flavor'" in said
    assert "did you mean flavour" in said
    assert "the fields are id, title" in str(run(verb, folder, "--where", '{"zzz": 1}').exception)
    assert run(verb, folder, "--where", '{"flavour": "none"}').exit_code == 0
    assert run(verb, folder, "--where", '{"zzz": {"$exists": true}}').exit_code == 0
    assert len(state(folder)) == 3


def test_fields_are_listed_with_examples(shop: Path) -> None:
    folder = shop / "catalogue"
    record = {one["name"]: one for one in run_json("fields", folder)["fields"]}
    assert record["brand"]["examples"] == ["Arla", "Lipton"]
    assert (record["price"]["low"], record["price"]["high"], record["price"]["items"]) == (1.234, 2.5, 2)
    assert (record["bio"]["kinds"], record["tags"]["kinds"]) == (["true/false"], ["list"])
    said = run("fields", folder).stdout
    assert "1.234 to 2.5" in said
    assert "plain" in said


def test_search_by_words_alone(shop: Path) -> None:
    folder = shop / "catalogue"
    assert [one["id"] for one in run_json("search", folder, "green", "te")["items"]] == ["B"]
    assert "Milk" in run("search", folder, "arla", "--where", '{"price": {"$lt": 2}}').stdout
    assert isinstance(run("search", folder, "!").exception, InvalidInput)


@pytest.mark.parametrize("ending", ["jsonl", "json", "parquet", "csv"])
def test_what_is_exported_is_added_again(shop: Path, ending: str) -> None:
    file = shop / f"export.{ending}"
    done = run_json("export", shop / "catalogue", file, "--embeddings")
    assert (done["items"], done["vectors"], done["without_pictures"]) == (3, 4, [])
    moved = shop.rename(shop.parent / "moved")
    added = run("add", moved / "again", moved / f"export.{ending}")
    assert added.exit_code == 0, added.output
    before, after = state(moved / "catalogue"), state(moved / "again")
    if ending == "csv":  # where all values are text
        for fields, _ in before.values():
            texts = {n: v if isinstance(v, str) else json.dumps(v) for n, v in fields.attributes.items()}
            object.__setattr__(fields, "attributes", texts)
    assert after == before
    assert str(run("export", moved / "again", moved / f"export.{ending}").exception).endswith("--overwrite.")


def test_an_export_with_pictures_is_complete(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    run("export", shop / "catalogue", out / "items.csv", "--pictures", "--where", '{"brand": "Arla"}')
    assert len(list((out / "items.csv.pictures").iterdir())) == 3
    before = state(shop / "catalogue")
    shutil.rmtree(shop)
    assert run("add", tmp_path / "again", out / "items.csv").exit_code == 0
    assert state(tmp_path / "again")["007"][1] == before["007"][1]


def test_vectors_are_exported_for_faiss(shop: Path) -> None:
    import faiss

    done = run_json("export", shop / "catalogue", shop / "all.faiss")
    index = faiss.read_index(str(shop / "all.faiss"))
    with (shop / "all.faiss.rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert index.ntotal == done["vectors"] == len(rows) == 4
    with Store(Layout(shop / "catalogue").store, read_only=True) as store:
        vectors, numbers = store.vectors("fake-embedder")
        ids = [store.records([number])[number]["id"] for number in numbers.tolist()]
    assert [row["id"] for row in rows] == ids
    assert np.array_equal(index.reconstruct_n(0, 4), vectors)


@pytest.mark.parametrize("name", ["x.xlsx", "missing/x.csv"])
def test_an_export_that_cannot_be_written_is_one_sentence(shop: Path, name: str) -> None:
    from whatsit_client.errors import WhatsitError

    assert isinstance(run("export", shop / "catalogue", shop / name).exception, WhatsitError)


def test_what_list_prints_is_added_again(shop: Path) -> None:
    printed = run("list", shop / "catalogue", "--json").stdout
    (shop / "list.json").write_text(printed)
    moved = shop.rename(shop.parent / "moved")
    added = run("add", moved / "again", moved / "list.json")
    assert "3 items added" in added.stdout
    assert state(moved / "again") == state(moved / "catalogue")


def test_a_moved_catalogue_finds_its_pictures(shop: Path) -> None:
    moved = shop.rename(shop.parent / "moved")
    shown = run_json("show", moved / "catalogue", "007")
    assert [one["path"] for one in shown["images"]] == [str(moved / "images" / name) for name in ("a.jpg", "b.jpg")]
    assert run_json("verify", moved / "catalogue")["problems"] == []
    again = run_json("add", moved / "catalogue", moved / "products.jsonl")
    assert (again["unchanged"], again["updated"]) == (3, 0)
    alone = (moved / "catalogue").rename(shop.parent / "alone")
    assert run_json("verify", alone)["problems"] == []  # the pictures stayed where they were
