"""Tar shards in the form of WebDataset: rows in the order of the files; damage costs what is damaged."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.ingest import Fetch
from whatsit.catalogue.sources import Row, Skipped, open_source
from whatsit.catalogue.sources.picture_location import path_of
from whatsit.catalogue.store.picture_files import read_picture


def write(path: Path, members: list[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def rows_of(path: Path) -> list[Row]:
    found = list(open_source(path))
    assert not [one for one in found if isinstance(one, Skipped)], found
    return [one for one in found if isinstance(one, Row)]


def test_members_with_one_key_are_one_item(tmp_path: Path) -> None:
    words = json.dumps({"id": 7, "title": "Milk", "price": 1.5, "fat": 3}).encode()
    shard = write(
        tmp_path / "a.tar",
        [
            ("x/0001.jpg", b"one"),
            ("x/0001.json", words),
            ("x/0002.1.PNG", b"two"),
            ("x/0002.2.webp", b"three"),
            ("x/0002.txt", "Grüner Tee".encode()),
            ("x/0002.cls", b"4"),
        ],
    )
    milk, tea = rows_of(shard)
    assert (milk.fields.id, milk.fields.title, milk.fields.price, milk.fields.attributes) == (
        "7",
        "Milk",
        1.5,
        {"fat": 3},
    )
    assert (tea.fields.id, tea.fields.title) == ("x/0002", "Grüner Tee")
    fetch = Fetch()
    assert [[fetch(image) for image in row.images] for row in (milk, tea)] == [[b"one"], [b"two", b"three"]]
    assert tea.place == f"{shard} x/0002"
    stored = path_of(tea.images[1])
    assert stored == f"{shard}#x/0002.2.webp"
    assert read_picture(stored, tmp_path) == b"three"
    with pytest.raises(InvalidInput, match="no member"):
        read_picture(f"{shard}#x/0009.jpg", tmp_path)


def test_patterns_name_several_shards_in_order(tmp_path: Path) -> None:
    for number in (2, 0, 1):
        write(tmp_path / f"s-{number:02d}.tar", [(f"{number}{i}.jpg", b"p") for i in range(3)])
    expected = ["00", "01", "02", "10", "11", "12", "20", "21", "22"]
    for pattern in ("s-*.tar", "s-{00..02}.tar", "s-0[012].tar"):
        source = open_source(tmp_path / pattern)
        assert [row.fields.id for row in source if isinstance(row, Row)] == expected
        assert source.count() == 9
    found = list(open_source(tmp_path / "s-{02..03}.tar"))
    assert [one.fields.id for one in found if isinstance(one, Row)] == ["20", "21", "22"]
    assert next(one for one in found if isinstance(one, Skipped)).place.endswith("s-03.tar")
    with pytest.raises(InvalidInput, match="There is no file"):
        open_source(tmp_path / "t-*.tar")


def test_what_is_no_picture_or_no_json_is_reported(tmp_path: Path) -> None:
    shard = write(
        tmp_path / "a.tar",
        [("a.txt", b"alone"), ("b.jpg", b"p"), ("b.json", b"{"), ("c.jpg", b"p"), ("c.json", b"[]"), ("d.jpg", b"p")],
    )
    found = list(open_source(shard))
    reasons = [(one.place.split()[-1], one.reason) for one in found if isinstance(one, Skipped)]
    assert [place for place, _ in reasons] == ["a", "b", "c"]
    expected = ["no image", "json cannot be read", "not a JSON object"]
    assert all(part in reason for part, (_, reason) in zip(expected, reasons, strict=True))
    assert [one.fields.id for one in found if isinstance(one, Row)] == ["d"]


def test_a_damaged_header_costs_its_member_alone(tmp_path: Path) -> None:
    shard = write(tmp_path / "a.tar", [(f"{i}.jpg", bytes([65 + i]) * 700) for i in range(4)])
    data = bytearray(shard.read_bytes())
    start = data.index(b"1.jpg")
    data[start : start + 512] = b"?" * 512
    shard.write_bytes(data)
    found = list(open_source(shard))
    assert [one.fields.id for one in found if isinstance(one, Row)] == ["0", "2", "3"]
    (damage,) = [one for one in found if isinstance(one, Skipped)]
    assert (damage.place, damage.reason) == (f"{shard} byte {start}", "the archive is damaged there")


def test_a_shard_that_was_cut_off(tmp_path: Path) -> None:
    shard = write(tmp_path / "a.tar", [(f"{i}.jpg", bytes([65 + i]) * 700) for i in range(3)])
    shard.write_bytes(shard.read_bytes()[: 2 * (512 + 1024) + 512 + 100])
    found = list(open_source(shard))
    rows = [one for one in found if isinstance(one, Row)]
    assert [row.fields.id for row in rows] == ["0", "1", "2"]
    fetch = Fetch()
    assert fetch(rows[1].images[0]) == b"B" * 700
    with pytest.raises(InvalidInput, match="the archive ends inside it"):
        fetch(rows[2].images[0])
    assert "damaged" in next(one for one in found if isinstance(one, Skipped)).reason


def test_joined_archives_are_read_to_the_end(tmp_path: Path) -> None:
    first, second = (write(tmp_path / f"{n}.tar", [(f"{n}.jpg", b"p")]).read_bytes() for n in "ab")
    (tmp_path / "joined.tar").write_bytes(first + second)
    assert [row.fields.id for row in rows_of(tmp_path / "joined.tar")] == ["a", "b"]


@pytest.mark.parametrize("data", [b"", b"no tar" * 1000, b"\0" * 10240])
def test_what_is_no_tar_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(data)
    with pytest.raises(InvalidInput, match="no uncompressed tar file"):
        open_source(tmp_path / "a.tar")
