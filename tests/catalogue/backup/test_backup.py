"""A back-up of a live catalogue is equal to the catalogue at one point in time."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from whatsit_client.errors import Damaged, InvalidInput, Unavailable

import whatsit.catalogue.backup.backup as backup_module
from tests.catalogue.backup.changing_catalogue import ChangingCatalogue
from tests.catalogue.backup.made_items import kept_picture, put
from whatsit.catalogue.backends import write_address
from whatsit.catalogue.backup.backup import backup
from whatsit.catalogue.backup.picture_copies import PictureCopies
from whatsit.catalogue.backup.restore import restore
from whatsit.catalogue.backup.verify import verify
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.publish import publish
from whatsit.catalogue.store.picture_files import forget_pictures
from whatsit.catalogue.store.store import Store
from whatsit.index.current_generation import current

StateOf = Callable[[Path], dict[str, object]]
# What a back-up holds of each place of a catalogue; a new place must be thought of here.
PLACES = {"store", "address", "index", "calibration", "ranker", "clicks", "pictures", "embedders"}


def test_every_place_of_the_layout_is_thought_of() -> None:
    assert {name for name, value in vars(Layout).items() if isinstance(value, property)} == PLACES


def test_what_is_restored_is_what_was_there(catalogue: Path, tmp_path: Path, state_of: StateOf) -> None:
    record = backup(catalogue, tmp_path / "new" / "shop.tar.zst")
    assert (record.items, record.outside, record.missing) == (15, 1, 0)
    assert restore(tmp_path / "new" / "shop.tar.zst", tmp_path / "elsewhere") == record
    assert state_of(tmp_path / "elsewhere") == state_of(catalogue)
    with Store(tmp_path / "elsewhere" / "catalogue.sqlite") as store:
        assert store.changes.position() == record.sequence
        (click,) = store.clicks.all()
        assert click.path.read_bytes() == b"\xff\xd8 a photo"
        put(store, "i1", kept_picture(tmp_path / "elsewhere", "changed"))
    assert (tmp_path / "elsewhere" / "calibration.json").read_text() == "{}"
    assert current(tmp_path / "elsewhere" / "index") == record.generation
    found = verify(tmp_path / "elsewhere", settle=0.0)
    assert [one.kind for one in found.problems] == ["orphan", "orphan"]  # `put` leaves the former pictures of i1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "new", "outside.jpg", "shop"]


def test_an_unpublished_and_an_empty_catalogue(tmp_path: Path) -> None:
    with Store(tmp_path / "shop" / "catalogue.sqlite"):
        pass
    record = backup(tmp_path / "shop", tmp_path / "shop.tar.zst")
    assert (record.items, record.generation) == (0, None)
    restore(tmp_path / "shop.tar.zst", tmp_path / "again")
    assert not (tmp_path / "again" / "index").exists()
    assert verify(tmp_path / "again").problems == []


def test_a_back_up_beside_changes_is_one_point_in_time(catalogue: Path, tmp_path: Path) -> None:
    changing = ChangingCatalogue(catalogue)
    changing.start()
    try:
        records = []
        for number in range(5):
            changing.wait()
            records.append(backup(catalogue, tmp_path / f"{number}.tar.zst"))
    finally:
        changing.ended.set()
        changing.join()
    assert len({record.sequence for record in records}) == 5
    for number, record in enumerate(records):
        folder = tmp_path / f"restored{number}"
        restore(tmp_path / f"{number}.tar.zst", folder)
        with Store(Layout(folder).store, read_only=True) as store:
            titles = {one["id"]: one["title"] for one in store.page(limit=1000)}
        assert titles == changing.states[record.sequence]
        found = verify(folder, settle=0.0)
        assert found.problems == []
        assert found.vectors >= len(titles)


def test_pictures_deleted_before_they_are_copied_take_a_newer_state(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, taken = PictureCopies.take, []

    def delete_first(self: PictureCopies, named: Any) -> Any:
        if not taken:
            with Store(Layout(catalogue).store) as store:
                before = store.pictures("i5", "e")
                store.delete(["i5"], forever=True)
            forget_pictures(Layout(catalogue).pictures, before)
        taken.append(dict(named))
        return take(self, named)

    monkeypatch.setattr(PictureCopies, "take", delete_first)
    record = backup(catalogue, tmp_path / "shop.tar.zst")
    assert len(taken) == 2
    assert (record.items, record.missing) == (14, 0)
    restore(tmp_path / "shop.tar.zst", tmp_path / "again")
    assert verify(tmp_path / "again", settle=0.0).problems == []


def test_generations_removed_meanwhile_are_still_read(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_generation = backup_module._add_generation
    before = current(Layout(catalogue).index)

    def publish_four_times(*arguments: Any) -> None:
        with Store(Layout(catalogue).store) as store:
            for number in range(4):
                put(store, f"new{number}", kept_picture(catalogue, f"new{number}"))
                publish(store, Layout(catalogue).index)
        assert not (Layout(catalogue).index / "generations" / str(before)).exists()
        add_generation(*arguments)

    monkeypatch.setattr(backup_module, "_add_generation", publish_four_times)
    record = backup(catalogue, tmp_path / "shop.tar.zst")
    assert record.generation == before
    restore(tmp_path / "shop.tar.zst", tmp_path / "again")
    assert verify(tmp_path / "again", settle=0.0).problems == []


def test_missing_and_changed_pictures_are_reported(catalogue: Path, tmp_path: Path) -> None:
    first, second = sorted((catalogue / "pictures").iterdir())[:2]
    first.unlink()
    second.write_bytes(b"\xff\xd8 changed")
    record = backup(catalogue, tmp_path / "shop.tar.zst")
    assert (record.missing, record.missing_names) == (2, (f"pictures/{first.name}", f"pictures/{second.name}"))
    restore(tmp_path / "shop.tar.zst", tmp_path / "again")
    assert (tmp_path / "again" / "pictures" / second.name).read_bytes() == b"\xff\xd8 changed"
    assert "2 pictures were missing or changed" in verify(tmp_path / "shop.tar.zst").notes[0]
    assert [one.kind for one in verify(tmp_path / "again", settle=0.0).problems] == ["picture", "picture"]


def test_a_damaged_index_or_database_is_not_backed_up(catalogue: Path, tmp_path: Path) -> None:
    (shard,) = catalogue.glob("index/generations/*/shard-0.faiss")
    data = bytearray(shard.read_bytes())
    data[-3] ^= 1
    shard.write_bytes(data)
    with pytest.raises(Damaged, match="shard-0.faiss of the index .* does not match its checksum"):
        backup(catalogue, tmp_path / "shop.tar.zst")
    shard.unlink()
    with pytest.raises(Damaged, match="shard-0.faiss of the index is missing"):
        backup(catalogue, tmp_path / "shop.tar.zst")
    assert not list(tmp_path.glob("*.tar.zst"))
    assert not list(tmp_path.glob(".*"))


def test_an_unreadable_threshold_is_a_sentence(catalogue: Path, tmp_path: Path) -> None:
    (catalogue / "calibration.json").unlink()
    (catalogue / "calibration.json").mkdir()
    with pytest.raises(Unavailable, match="calibration.json cannot be read"):
        backup(catalogue, tmp_path / "shop.tar.zst")


def test_an_existing_file_is_replaced_only_when_told(catalogue: Path, tmp_path: Path) -> None:
    file = tmp_path / "shop.tar.zst"
    file.write_bytes(b"mine")
    with pytest.raises(InvalidInput, match="there already"):
        backup(catalogue, file)
    assert file.read_bytes() == b"mine"
    backup(catalogue, file, overwrite=True)
    assert verify(file).problems == []
    with pytest.raises(InvalidInput, match="is a folder"):
        backup(catalogue, tmp_path, overwrite=True)


def test_no_catalogue_and_a_catalogue_in_milvus(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="There is no catalogue"):
        backup(tmp_path / "none", tmp_path / "a.tar.zst")
    write_address(tmp_path / "milvus", "milvus://127.0.0.1:19530")
    with pytest.raises(InvalidInput, match="makes and restores its own back-ups"):
        backup(tmp_path / "milvus", tmp_path / "a.tar.zst")
    with pytest.raises(InvalidInput, match="makes and restores its own back-ups"):
        verify(tmp_path / "milvus")


def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("whatsit.catalogue.backup.archive_writer.os.fsync", full)
    with pytest.raises(Unavailable, match=r"cannot be written \(No space left on device\); make room on that disk"):
        backup(catalogue, tmp_path / "shop.tar.zst")
    with pytest.raises(Unavailable, match="cannot be written"):
        backup(catalogue, Path("/proc/none/shop.tar.zst"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside.jpg", "shop"]


def test_an_interrupted_back_up_leaves_no_file(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        if stage.startswith("Writing the back-up"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup(catalogue, tmp_path / "shop.tar.zst", progress=interrupt)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside.jpg", "shop"]


def test_what_a_killed_run_left_is_removed(catalogue: Path, tmp_path: Path) -> None:
    (tmp_path / ".shop.tar.zst.unfinished-abc").mkdir()
    (tmp_path / ".shop.tar.zst.unfinished-abc" / "archive").write_bytes(b"part")
    backup(catalogue, tmp_path / "shop.tar.zst")
    assert not list(tmp_path.glob(".*"))
