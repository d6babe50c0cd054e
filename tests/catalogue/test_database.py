"""A database whose file is replaced or removed while it is open."""

from __future__ import annotations

import os
import shutil
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
