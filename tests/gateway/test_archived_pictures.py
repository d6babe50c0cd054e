"""Pictures in a merchant's zip file or shard are shown like any others."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from pathlib import Path

import pytest

from whatsit.gateway.catalogues import _checked


@pytest.mark.parametrize("ending", ["zip", "tar", "ZIP"])
def test_a_picture_in_an_archive_is_read_if_it_is_the_catalogued_one(tmp_path: Path, ending: str) -> None:
    (tmp_path / "cup.jpg").write_bytes(b"a picture")
    archive = tmp_path / f"shop.{ending}"
    if ending == "tar":
        with tarfile.open(archive, "w") as tar:
            tar.add(tmp_path / "cup.jpg", "a/cup.jpg")
    else:
        with zipfile.ZipFile(archive, "w") as packed:
            packed.write(tmp_path / "cup.jpg", "a/cup.jpg")
    digest = hashlib.sha256(b"a picture").hexdigest()
    assert _checked(f"{archive}#a/cup.jpg", digest) == b"a picture"
    for wrong in (f"{archive}#a/other.jpg", f"{tmp_path}/none.{ending}#a/cup.jpg"):
        with pytest.raises((OSError, ValueError)):
            _checked(wrong, digest)
    with pytest.raises(ValueError, match="shop"):
        _checked(f"{archive}#a/cup.jpg", "0" * 64)
