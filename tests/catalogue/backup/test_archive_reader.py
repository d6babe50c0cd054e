"""Hostile, cut off and changed archives end in a sentence."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
from pathlib import Path

import pytest
import zstandard
from whatsit_client.errors import Damaged, InvalidInput, Unavailable, WhatsitError

from whatsit.catalogue.backup.archive_reader import read_members
from whatsit.catalogue.backup.archive_writer import header
from whatsit.catalogue.backup.contents import size_limit

PICTURE = f"pictures/{'0' * 32}.jpg"


def packed(path: Path, data: bytes) -> Path:
    path.write_bytes(zstandard.ZstdCompressor(write_checksum=True).compress(data))
    return path


def archive_of(path: Path, *members: tarfile.TarInfo | tuple[str, bytes], format: int = tarfile.GNU_FORMAT) -> Path:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=format) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return packed(path, data.getvalue())


def read(path: Path, max_bytes: int | None = None) -> dict[str, bytes]:
    return {member.name: b"".join(member.pieces) for member in read_members(path, max_bytes)}


def special(name: str, type: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = type, target
    return info


def test_plain_files_are_read(tmp_path: Path) -> None:
    file = archive_of(tmp_path / "a", ("catalogue.sqlite", b"x" * 100_000), (PICTURE, b""))
    assert read(file) == {"catalogue.sqlite": b"x" * 100_000, PICTURE: b""}


@pytest.mark.parametrize(
    "name",
    [
        "../evil", "/etc/passwd", "pictures/../../evil.jpg", "./catalogue.sqlite", "index/generations/../CURRENT",
        f"pictures/{'0' * 32}.php", "pictures/a.jpg", "index/generations/000001-00000000/../x", "catalogue.sqlite\n",
        "index/generations/000001-00000000/.hidden", "store.json", "catalogue.sqlite-wal", "",
    ],
)  # fmt: skip
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    assert size_limit(name) is None
    with pytest.raises(Damaged, match="which no back-up of this version does"):
        read(archive_of(tmp_path / "a", (name, b"evil")))


@pytest.mark.parametrize(
    ("member", "word"),
    [
        (special(PICTURE, tarfile.SYMTYPE, "/etc/passwd"), "a symbolic link"),
        (special(PICTURE, tarfile.LNKTYPE, "catalogue.sqlite"), "a hard link"),
        (special("index", tarfile.DIRTYPE), "a folder"),
        (special(PICTURE, tarfile.CHRTYPE), "a device"),
        (special(PICTURE, tarfile.BLKTYPE), "a device"),
        (special(PICTURE, tarfile.FIFOTYPE), "a pipe"),
        (special(PICTURE, tarfile.GNUTYPE_SPARSE), "an extension header"),
    ],
)
def test_links_folders_and_devices_are_refused(tmp_path: Path, member: tarfile.TarInfo, word: str) -> None:
    with pytest.raises(Damaged, match=word):
        read(archive_of(tmp_path / "a", member))


def test_extension_headers_are_refused_before_they_are_read(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="an extension header"):
        read(archive_of(tmp_path / "a", ("x" * 300, b""), format=tarfile.PAX_FORMAT))
    with pytest.raises(Damaged, match="an extension header"):
        read(archive_of(tmp_path / "b", ("x" * 300, b"")))


def test_a_name_comes_once(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="holds catalogue.sqlite twice"):
        read(archive_of(tmp_path / "a", ("catalogue.sqlite", b"1"), ("catalogue.sqlite", b"2")))


@pytest.mark.parametrize(("name", "size"), [(PICTURE, 1 << 40), ("index/CURRENT", 5000), ("catalogue.sqlite", 1 << 60)])
def test_sizes_are_bounded_before_anything_is_read(tmp_path: Path, name: str, size: int) -> None:
    with pytest.raises(Damaged, match="at most"):
        read(packed(tmp_path / "a", header(name, size)))


def test_a_bomb_is_stopped_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whatsit.catalogue.backup.archive_reader._FREE_BYTES", 1 << 28)
    file = tmp_path / "a"
    with file.open("wb") as out, zstandard.ZstdCompressor().stream_writer(out) as stream:
        stream.write(header("catalogue.sqlite", 1 << 40))
        for _ in range(600):
            stream.write(bytes(1 << 20))
    assert file.stat().st_size < 1 << 20
    tracemalloc.start()
    with pytest.raises(InvalidInput, match="--max-size"):
        list(read_members(file))
    assert tracemalloc.get_traced_memory()[1] < 200 << 20
    tracemalloc.stop()
    with pytest.raises(InvalidInput, match="unpacks to more than 1,000,000 bytes"):
        read(file, max_bytes=1_000_000)


def test_a_huge_window_is_refused(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True)
    compressor = zstandard.ZstdCompressor(compression_params=parameters)
    with (tmp_path / "a").open("wb") as out, compressor.stream_writer(out) as stream:
        stream.write(header(PICTURE, 5))
        stream.write(b"hello")
    with pytest.raises(WhatsitError):
        read(tmp_path / "a")


def test_every_truncation_is_noticed(archive: Path, tmp_path: Path) -> None:
    data = archive.read_bytes()
    for length in (*range(1, 40), len(data) // 3, len(data) // 2, *range(len(data) - 40, len(data))):
        (tmp_path / "cut").write_bytes(data[:length])
        with pytest.raises(WhatsitError, match="ends early|no back-up|damaged"):
            read(tmp_path / "cut")
    (tmp_path / "cut").write_bytes(data + b"x")
    with pytest.raises(Damaged, match="bytes behind its end"):
        read(tmp_path / "cut")
    with pytest.raises(Damaged, match="bytes behind its end"):
        read(packed(tmp_path / "more", header(PICTURE, 0) + bytes(1024) + b"more"))
    with pytest.raises(Damaged, match="has no end"):
        read(packed(tmp_path / "more", header(PICTURE, 0) + bytes(512) + header(PICTURE, 0)))


def test_other_files_are_no_back_ups(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        read(tmp_path / "none")
    for data in (b"", b"PK\3\4 a zip file", b"\x28\xb5"):
        (tmp_path / "a").write_bytes(data)
        with pytest.raises(InvalidInput, match="not a .tar.zst file"):
            read(tmp_path / "a")
    with pytest.raises(Damaged, match="not a tar archive"):
        read(packed(tmp_path / "a", b"hello" * 1000))
