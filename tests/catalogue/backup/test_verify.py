"""Everything that can be wrong with a catalogue or a back-up is found, and nothing else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import zstandard
from whatsit_client.errors import InvalidInput, Unavailable

from tests.catalogue.backup.changing_catalogue import ChangingCatalogue
from tests.catalogue.backup.made_items import kept_picture, put, vector_of
from whatsit.catalogue.backup.backup import backup
from whatsit.catalogue.backup.verify import verify
from whatsit.catalogue.item import ItemFields, Picture
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.publish import publish
from whatsit.catalogue.store.store import Store
from whatsit.index.index_budget import IndexBudget


def wrong(place: Path) -> list[tuple[str, str]]:
    return [(one.kind, str(one)) for one in verify(place, settle=0.0).problems]


def unpacked(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(data).read()


def change(folder: Path, statement: str, *parameters: object) -> None:
    with closing(sqlite3.connect(folder / "catalogue.sqlite")) as connection, connection:
        connection.execute(statement, parameters)


def test_a_sound_catalogue(catalogue: Path) -> None:
    found = verify(catalogue, settle=0.0)
    assert (found.items, found.unchecked, found.problems, found.notes) == (15, 0, [], [])
    with Store(Layout(catalogue).store, read_only=True) as store:
        assert found.vectors == len(store.vectors("e")[0])
        assert found.pictures == store.files.count()


@pytest.mark.parametrize("name", ["shard-0.faiss", "shard-0.items.npy"])
def test_a_flipped_byte_in_the_index(catalogue: Path, name: str) -> None:
    (file,) = catalogue.glob(f"index/generations/*/{name}")
    data = bytearray(file.read_bytes())
    data[-9] ^= 1
    file.write_bytes(data)
    ((kind, sentence),) = wrong(catalogue)
    assert kind == "index"
    assert f"{name} of the index" in sentence
    file.unlink()
    ((kind, sentence),) = wrong(catalogue)
    assert kind == "index"
    assert "is missing" in sentence


def test_a_flipped_byte_in_a_picture_and_a_missing_one(catalogue: Path, tmp_path: Path) -> None:
    with Store(Layout(catalogue).store, read_only=True) as store:
        first, second = (Path(store.pictures(id, "e")[0].path) for id in ("i1", "late"))
    data = bytearray(first.read_bytes())
    data[0] ^= 1
    first.write_bytes(data)
    second.unlink()
    (tmp_path / "outside.jpg").write_bytes(b"another picture")
    (catalogue / "clicks" / next((catalogue / "clicks").iterdir()).name).unlink()
    found = wrong(catalogue)
    assert [kind for kind, _ in found] == ["picture"] * 4
    sentences = "\n".join(sentence for _, sentence in found)
    assert f"pictures/{first.name} of the item 'i1' does not match its SHA-256" in sentences
    assert f"pictures/{second.name} of the item 'late' is missing" in sentences
    assert "outside.jpg of the item 'own' does not match" in sentences
    assert "of the click log or of a deleted item is missing" in sentences


def test_a_flipped_byte_in_a_page_of_the_database(catalogue: Path) -> None:
    with closing(sqlite3.connect(catalogue / "catalogue.sqlite")) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'items_brand'").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    data = bytearray((catalogue / "catalogue.sqlite").read_bytes())
    data[(page - 1) * size + 4] ^= 1
    (catalogue / "catalogue.sqlite").write_bytes(data)
    assert {kind for kind, _ in wrong(catalogue)} == {"database"}


def test_a_flipped_byte_in_a_vector_of_the_database(catalogue: Path) -> None:
    where = "image = (SELECT image FROM images JOIN items ON number = item WHERE id = ?)"
    turned = (-vector_of("i5 0").values).tobytes()
    change(catalogue, f"UPDATE vectors SET vector = ? WHERE {where}", turned, "i5")
    change(catalogue, f"UPDATE vectors SET vector = ? WHERE {where}", turned, "sent")
    assert [kind for kind, _ in wrong(catalogue)] == ["vector", "picture"]
    assert "The item 'i5' has a vector" in wrong(catalogue)[0][1]
    assert "is a sent vector" in wrong(catalogue)[1][1]


def test_a_vector_missing_in_the_index(catalogue: Path) -> None:
    change(catalogue, "DELETE FROM changes")  # as if the log had lost what came after the index
    found = [sentence for _, sentence in wrong(catalogue)]
    for id in ("late", "web", "sent"):
        assert f"The item '{id}' is neither in the index nor in the change log after it" in found
    assert "The item with the number 4 is in the index and has no vector in the catalogue" in found  # i3
    assert len(found) == 4


def test_a_vector_missing_among_several_of_an_item(catalogue: Path) -> None:
    change(
        catalogue,
        "INSERT INTO vectors (image, fingerprint, x1, y1, x2, y2, vector) "
        "SELECT image, 'e', 0, 0, 1, 1, ? FROM images JOIN items ON number = item WHERE id = 'i0'",
        vector_of("more").values.tobytes(),
    )
    assert wrong(catalogue) == [("vector", "The item 'i0' has 2 vectors, and the index has 1 of it")]


def test_an_orphan_picture_and_an_unfinished_one(catalogue: Path) -> None:
    orphan = Path(kept_picture(catalogue, "orphan").path)
    (catalogue / "clicks" / "x.part").write_bytes(b"half")
    found = wrong(catalogue)
    assert [kind for kind, _ in found] == ["orphan", "orphan"]
    assert {sentence.split()[0] for _, sentence in found} == {f"pictures/{orphan.name}", "clicks/x.part"}


def test_a_picture_whose_row_comes_later_is_no_orphan(catalogue: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = kept_picture(catalogue, "new")
    waited = []

    def write_the_row(seconds: float) -> None:
        waited.append(seconds)
        with Store(Layout(catalogue).store) as store:
            put(store, "new", picture)

    monkeypatch.setattr("whatsit.catalogue.backup.picture_check.time.sleep", write_the_row)
    assert verify(catalogue, settle=10.0).problems == []
    assert len(waited) == 1
    assert 0 < waited[0] <= 10


def test_an_item_changed_while_it_is_looked_at_is_no_problem(catalogue: Path) -> None:
    def delete(stage: str, done: int, total: int) -> None:
        if stage == "Comparing pictures" and done == 1:
            with Store(Layout(catalogue).store) as store:
                (picture,) = store.pictures("late", "e")
                store.delete(["late"], forever=True)
            Path(picture.path).unlink()

    assert verify(catalogue, settle=0.0, progress=delete).problems == []


def test_a_catalogue_that_changes_all_the_time_is_sound(catalogue: Path) -> None:
    changing = ChangingCatalogue(catalogue)
    changing.start()
    try:
        problems = []
        for _ in range(4):
            changing.wait()
            problems.append(verify(catalogue, settle=1.0).problems)
    finally:
        changing.ended.set()
        changing.join()
    assert problems == [[]] * 4


@pytest.mark.parametrize("kind", ["flat-half", "flat-byte", "hnsw", "ivf", "ivfpq"])
def test_every_kind_of_index_is_compared(tmp_path: Path, kind: str) -> None:
    layout, dice = Layout(tmp_path), np.random.default_rng(3)
    rows = dice.normal(size=(1200, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[7] = rows[6]  # two alike of one item
    with Store(layout.store) as store:
        boxed = vector_of("any")
        vectors = [type(boxed)((0.0, 0.0, 9.0, 9.0), row) for row in rows]
        pictures = [
            Picture("https://example.com/a.jpg", "0" * 64, tuple(vectors[at : at + 2])) for at in range(0, 1200, 2)
        ]
        store.put([(ItemFields(f"i{at}"), [one], "e") for at, one in enumerate(pictures)])
        publish(store, layout.index, budget=IndexBudget(kind=kind, sharding="cluster"))
    found = verify(tmp_path, settle=0.0)
    assert (found.problems, found.vectors, found.unchecked) == ([], 1200, 600)
    change(tmp_path, "UPDATE vectors SET vector = ? WHERE rowid = 11", rows[500].tobytes())
    assert [kind for kind, _ in wrong(tmp_path)] == ["vector"]


def test_a_back_up(archive: Path, tmp_path: Path) -> None:
    found = verify(archive)
    assert (found.items, found.problems) == (15, [])
    data, unnoticed = archive.read_bytes(), 0
    for place in range(0, len(data), max(len(data) // 60, 1)):
        changed = bytearray(data)
        changed[place] ^= 1
        (tmp_path / "flipped").write_bytes(changed)
        try:
            if not wrong(tmp_path / "flipped"):  # some bits of Zstandard's headers change nothing that is unpacked
                assert unpacked(bytes(changed)) == unpacked(data)
                unnoticed += 1
        except InvalidInput:
            assert place < 4  # no longer Zstandard's magic number
    assert unnoticed < 5


def test_no_index_yet_and_no_catalogue(tmp_path: Path) -> None:
    with Store(tmp_path / "catalogue.sqlite") as store:
        put(store, "a", kept_picture(tmp_path, "a"))
    found = verify(tmp_path, settle=0.0)
    assert found.problems == []
    assert "No index was published yet" in found.notes[0]
    with pytest.raises(Unavailable, match="There is no catalogue"):
        verify(tmp_path / "index" if (tmp_path / "index").is_dir() else tmp_path / "pictures")
    backup(tmp_path, tmp_path / "b.tar.zst")
    assert verify(tmp_path / "b.tar.zst").problems == []
    (tmp_path / "catalogue.sqlite").write_bytes(b"no database at all" * 1000)
    assert [kind for kind, _ in wrong(tmp_path)] == ["database"]
