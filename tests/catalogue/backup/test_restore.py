"""A restored catalogue is whole, or there is none."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from whatsit_client.errors import Damaged, InvalidInput, Unavailable

from whatsit.catalogue.backup.archive_writer import BLOCK, header
from whatsit.catalogue.backup.backup import backup
from whatsit.catalogue.backup.restore import restore

Files = dict[str, bytes]
Change = Callable[[Files], None]


def unpacked(archive: Path) -> Files:
    data = zstandard.ZstdDecompressor().stream_reader(archive.read_bytes()).read()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr] # plain files


def packed(files: Files, archive: Path) -> None:
    data = b"".join(header(name, len(one)) + one + bytes(-len(one) % BLOCK) for name, one in files.items())
    archive.write_bytes(zstandard.compress(data + bytes(2 * BLOCK)))


def flip(name: str) -> Change:
    def change(files: Files) -> None:
        data = bytearray(files[name])
        data[len(data) // 2] ^= 1
        files[name] = bytes(data)

    return change


def remove(name: str) -> Change:
    return lambda files: files.__delitem__(name)


def record_with(**values: object) -> Change:
    def change(files: Files) -> None:
        files["backup.json"] = json.dumps({**json.loads(files["backup.json"]), **values}).encode()

    return change


def move_to_the_end(name: str) -> Change:
    return lambda files: files.__setitem__(name, files.pop(name))


def add_ranker(files: Files) -> None:
    last = {name: files.pop(name) for name in ("SHA256SUMS", "backup.json")}
    files.update({"ranker.onnx": b"x", **last})


CHANGES = {
    "database": (flip("catalogue.sqlite"), "catalogue.sqlite does not match its checksum"),
    "current": (flip("index/CURRENT"), "index/CURRENT does not match"),
    "missing": (remove("index/CURRENT"), "index/CURRENT is missing"),
    "no database": (remove("catalogue.sqlite"), "catalogue.sqlite is missing"),
    "more": (add_ranker, "ranker.onnx has no checksum"),
    "sums": (flip("SHA256SUMS"), "SHA256SUMS .* does not match its checksum"),
    "no sums": (remove("SHA256SUMS"), "has no SHA256SUMS"),
    "no record": (remove("backup.json"), "has no backup.json"),
    "no JSON": (lambda files: files.update({"backup.json": b"["}), "not a record"),
    "newer": (record_with(format=99), "format 99 .* update Whatsit"),
    "other state": (record_with(sequence=1), "does not fit its files"),
    "order": (move_to_the_end("catalogue.sqlite"), "behind its checksums"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_back_up_makes_no_folder(archive: Path, tmp_path: Path, name: str) -> None:
    change, sentence = CHANGES[name]
    files = unpacked(archive)
    change(files)
    packed(files, tmp_path / "changed")
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(Damaged, match=sentence):
        restore(tmp_path / "changed", tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_an_unchanged_one_does_and_tar_reads_it_too(archive: Path, tmp_path: Path) -> None:
    files = unpacked(archive)
    assert list(files)[-2:] == ["SHA256SUMS", "backup.json"]
    packed(files, tmp_path / "same")
    restore(tmp_path / "same", tmp_path / "new")
    assert {name: (tmp_path / "new" / name).read_bytes() for name in files if name.startswith("pictures")} == {
        name: data for name, data in files.items() if name.startswith("pictures")
    }


def test_an_existing_catalogue_is_never_touched(catalogue: Path, archive: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds a catalogue already"):
        restore(archive, catalogue)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    with pytest.raises(InvalidInput, match="holds files already"):
        restore(archive, tmp_path / "full")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for place in (archive, tmp_path / "link"):
        with pytest.raises(InvalidInput, match="there already and no folder"):
            restore(archive, place)
    (tmp_path / "empty").mkdir()
    restore(archive, tmp_path / "empty")
    assert (tmp_path / "empty" / "catalogue.sqlite").is_file()
    restore(archive, tmp_path / "deep" / "er")


def test_a_catalogue_that_comes_meanwhile_stays(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def come(stage: str, done: int, total: int) -> None:
        (tmp_path / "new").mkdir(exist_ok=True)
        (tmp_path / "new" / "catalogue.sqlite").write_text("mine")

    with pytest.raises(InvalidInput, match="holds a catalogue already"):
        restore(archive, tmp_path / "new", progress=come)
    assert (tmp_path / "new" / "catalogue.sqlite").read_text() == "mine"
    assert not list(tmp_path.glob(".*"))


def test_a_full_disk_and_an_interruption_leave_nothing(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(archive, tmp_path / "new", progress=interrupt)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("whatsit.catalogue.backup.restore.os.fsync", full)
    with pytest.raises(Unavailable, match=r"new cannot be written \(No space left on device\); make room"):
        restore(archive, tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside.jpg", "shop", "shop.tar.zst"]


def test_pictures_deleted_while_the_back_up_was_made_are_dropped(catalogue: Path, tmp_path: Path) -> None:
    name = f"pictures/{'f' * 32}.jpg"
    backup(catalogue, tmp_path / "a")
    files = unpacked(tmp_path / "a")
    sums = files.pop("SHA256SUMS") + f"{hashlib.sha256(b'gone').hexdigest()}  {name}\n".encode()
    record = {**json.loads(files.pop("backup.json")), "sums": hashlib.sha256(sums).hexdigest()}
    packed({**files, name: b"gone", "SHA256SUMS": sums, "backup.json": json.dumps(record).encode()}, tmp_path / "b")
    restore(tmp_path / "b", tmp_path / "new")
    assert not (tmp_path / "new" / name).exists()
