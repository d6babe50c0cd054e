"""Compressed tar files: read like others, within bounds, their pictures kept."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import tarfile
from pathlib import Path

import pytest
import zstandard
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources import Row, Skipped, compressed_tar, open_source
from whatsit.catalogue.sources.picture_location import TarImage, must_be_kept, path_of

MEMBERS = {"tea/a.jpg": random.Random(0).randbytes(300_000), "tea/a.txt": b"Green tea", "tea/b.jpg": b"b"}


def write(path: Path) -> Path:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name, data in MEMBERS.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    pack = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstandard.compress}
    ending = path.suffix[1:].lower().replace("tgz", "gz").replace("txz", "xz")
    path.write_bytes(pack[ending](plain.getvalue()))  # type: ignore[operator] # each takes bytes
    return path


@pytest.mark.parametrize("ending", [".tar.gz", ".TGZ", ".tar.bz2", ".tar.xz", ".txz", ".tar.zst"])
def test_each_kind_is_read(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"shop{ending}")
    source = open_source(path)
    first, second = source
    assert isinstance(first, Row)
    assert isinstance(second, Row)
    assert (first.fields.id, first.fields.title, source.count()) == ("tea/a", "Green tea", 2)
    (image,) = second.images
    assert isinstance(image, TarImage)
    assert (image.read(9), must_be_kept(image), path_of(image)) == (b"b", True, f"{path.resolve()}#tea/b.jpg")
    assert second.place.startswith(str(path))


def test_the_rest_of_a_damaged_archive_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "shop.tar.gz")
    path.write_bytes(path.read_bytes()[:-200])
    rows = list(open_source(path))
    assert isinstance(rows[0], Row)
    assert isinstance(rows[-1], Skipped)
    assert "cannot be unpacked" in rows[-1].reason
    (tmp_path / "bad.tgz").write_bytes(b"text")
    with pytest.raises(InvalidInput, match=r"bad.tgz holds no file, or is no tar file \(Not a gzipped file"):
        open_source(tmp_path / "bad.tgz")
    with pytest.raises(InvalidInput, match="There is no file"):
        open_source(tmp_path / "none-*.tgz")
    with pytest.raises(InvalidInput, match="cannot be read"):
        open_source(tmp_path / "none.tgz")


def test_an_archive_that_grows_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed_tar, "_ALWAYS_ALLOWED", 1000)
    monkeypatch.setattr(compressed_tar, "_MOST_RATIO", 1)
    with pytest.raises(InvalidInput, match="unpacks to more than 1 times its size"):
        open_source(write(tmp_path / "shop.tar.gz"))
