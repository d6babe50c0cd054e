"""A database whose file is replaced or removed while it is open."""

from __future__ import annotations

import gc
import os
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from whatsit_client.errors import Unavailable

from whatsit.catalogue import Store
from whatsit.catalogue.item import ItemFields
from whatsit.catalogue.store.picture_files import keep_picture

PUT = (ItemFields("a", "A"), [], "e")


def test_a_replaced_file_takes_no_change(tmp_path: Path) -> None:
    path, copy = tmp_path / "catalogue.sqlite", tmp_path / "backup.sqlite"
    with Store(path) as store:
        store.put([PUT])
    shutil.copy(path, copy)
    with Store(path) as store:
        store.put([(ItemFields("b", "B"), [], "e")])
        copy.replace(path)
        with pytest.raises(Unavailable, match="replaced or removed"):
            store.put([(ItemFields("c", "C"), [], "e")])
        with pytest.raises(Unavailable, match="replaced or removed"):
            store.delete(["a"])


def test_a_removed_folder_takes_no_change(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    with Store(folder / "catalogue.sqlite") as store:
        store.put([PUT])
        folder.rename(tmp_path / "moved")
        with pytest.raises(Unavailable, match="replaced or removed"):
            store.put([PUT])
    with Store(tmp_path / "moved" / "catalogue.sqlite") as store:
        assert store.count() == 1


def test_a_file_that_stays_takes_changes(tmp_path: Path) -> None:
    with Store(tmp_path / "catalogue.sqlite") as store:
        assert store.put([PUT]) == ["added"]
        assert store.put([PUT]) == ["updated"]


def test_a_picture_begins_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be kept"):
        keep_picture(tmp_path / "moved away" / "pictures", b"\xff\xd8\xff")
    assert not (tmp_path / "moved away").exists()


def test_a_read_only_folder_is_read_and_not_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "catalogue.sqlite"
    with Store(path) as store:
        store.put([(ItemFields("a"), [], "e")])
    assert not path.with_name("catalogue.sqlite-wal").exists()
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_RDONLY))
    with Store(path, read_only=True) as store:
        assert store.count() == 1
    assert [file.name for file in tmp_path.iterdir()] == ["catalogue.sqlite"]  # nothing was made beside it
    with pytest.raises(Unavailable, match="read-only to this user"):
        Store(path)


def _open_files(folder: Path) -> int:
    """How many files of a folder this process holds open."""
    names = [os.readlink(one) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    return sum(name.startswith(f"{folder}/") for name in names)


def test_connections_of_threads_that_ended_are_closed(tmp_path: Path) -> None:
    with Store(tmp_path / "catalogue.sqlite") as store:
        for _ in range(20):
            thread = threading.Thread(target=store.count)
            thread.start()
            thread.join()
        assert store.count() == 0  # by the connection of this thread, which stays
        assert _open_files(tmp_path) <= 3 * 2  # file, log and shared memory, of this thread and the last one
    assert _open_files(tmp_path) == 0


def test_the_connection_of_a_thread_that_waits_stays(tmp_path: Path) -> None:
    with Store(tmp_path / "catalogue.sqlite") as store:
        begun, going = threading.Event(), threading.Event()
        counts: list[int] = []

        def slow() -> None:
            with store.snapshot():
                counts.append(store.count())
                begun.set()
                going.wait(120)
                counts.append(store.count())

        waiting = threading.Thread(target=slow)
        waiting.start()
        assert begun.wait(120)
        store.put([PUT])
        other = threading.Thread(target=store.count)
        other.start()
        other.join()
        going.set()
        waiting.join()
        assert counts == [0, 0]


def test_a_store_without_users_is_closed_without_garbage_collection(tmp_path: Path) -> None:
    gc.disable()
    try:
        store = Store(tmp_path / "catalogue.sqlite")
        store.put([PUT])
        assert _open_files(tmp_path)
        del store
        assert _open_files(tmp_path) == 0
    finally:
        gc.enable()


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    with Store(tmp_path / "catalogue.sqlite") as store:
        store.put([PUT])
        with pytest.raises(Unavailable, match=r"database or disk is full\): make room on its disk"):
            _fill(store)
        assert [record["id"] for record in store.page(limit=9)] == ["a"]


def _fill(store: Store) -> None:
    """Write more than there is room for."""
    with store.transaction() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 4}")  # as a disk with so much room
        connection.execute("CREATE TABLE large (data BLOB)")
        connection.execute("INSERT INTO large VALUES (zeroblob(10000000))")
