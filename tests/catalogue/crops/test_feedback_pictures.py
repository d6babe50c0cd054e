"""Photos behind crops are kept once, and each entry can be withdrawn alone."""

from __future__ import annotations

from pathlib import Path

from whatsit.catalogue.store.picture_files import keep_again


def test_the_same_photo_takes_its_space_once(tmp_path: Path) -> None:
    data = b"\xff\xd8" + bytes(5000)
    first = keep_again(None, tmp_path / "clicks", data)
    second = keep_again(first, tmp_path / "clicks", data)
    assert first.stat().st_ino == second.stat().st_ino
    assert first != second
    first.unlink()
    assert second.read_bytes() == data
    third = keep_again(first, tmp_path / "clicks", data)  # the first is gone
    assert third.read_bytes() == data
