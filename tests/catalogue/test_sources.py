"""Every kind of merchant's file gives the same rows; what cannot be read is skipped with its reason."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources import Row, Skipped, open_source

RECORDS: list[dict[str, Any]] = [
    {"id": "1", "title": "Milk", "brand": "Arla", "price": 1.5, "image": "a.jpg", "flavour": "plain", "url": "u"},
    {"id": "2", "title": "Tea", "brand": None, "price": None, "image": "b.jpg;sub/c.png", "flavour": None, "url": None},
]


def write(path: Path, records: list[dict[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(records), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    else:
        rows = [list(records[0]), *([("" if v is None else str(v)) for v in record.values()] for record in records)]
        path.write_text("\n".join("\t".join(row) if path.suffix == ".tsv" else ",".join(row) for row in rows))
    return path


def rows_of(path: Path) -> list[Row]:
    found = list(open_source(path))
    assert not [one for one in found if isinstance(one, Skipped)]
    return [one for one in found if isinstance(one, Row)]


def skips_of(path: Path) -> list[str]:
    return [one.reason for one in open_source(path) if isinstance(one, Skipped)]


@pytest.mark.parametrize("name", ["items.csv", "items.tsv", "items.jsonl", "items.parquet"])
def test_all_tables_give_the_same_rows(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, RECORDS)
    assert open_source(path).count() == 2
    milk, tea = rows_of(path)
    assert (milk.fields.id, milk.fields.title, milk.fields.brand, milk.fields.price) == ("1", "Milk", "Arla", 1.5)
    assert milk.fields.attributes == {"flavour": "plain"}
    assert milk.images == (tmp_path / "a.jpg",)
    assert (tea.fields.brand, tea.fields.price, tea.fields.url, tea.fields.attributes) == (None, None, None, {})
    assert tea.images == (tmp_path / "b.jpg", tmp_path / "sub/c.png")
    assert str(path) in milk.place


def test_a_folder_gives_one_item_per_picture(tmp_path: Path) -> None:
    for name in [
        "cup_blue-big.jpg",
        "drinks/cold/Oat-Milk.PNG",
        "drinks/tea.webp",
        "notes.txt",
        ".hidden/x.jpg",
        "x.svg",
    ]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = [one for one in open_source(tmp_path) if isinstance(one, Row)]
    assert [(row.fields.id, row.fields.title, row.fields.category) for row in found] == [
        ("cup_blue-big", "cup blue big", None),
        ("drinks/cold/Oat-Milk", "Oat Milk", "drinks"),
        ("drinks/tea", "tea", "drinks"),
    ]
    assert skips_of(tmp_path) == ["a picture is JPEG, PNG, WebP, HEIC, AVIF, TIFF, GIF, BMP or JPEG 2000"]


def test_a_spreadsheets_csv_is_read(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes('\ufeffID;Title;Price;Image;Size\r\n7;"Käse; ""mild""";"2,50";k.jpg;L\r\n'.encode())
    (row,) = rows_of(path)
    assert (row.fields.id, row.fields.title, row.fields.price) == ("7", 'Käse; "mild"', 2.5)
    assert row.fields.attributes == {"Size": "L"}


def test_unreadable_csv_rows_are_skipped_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    lines = [
        b"id,title,price,image",
        b"1,a,1,a.jpg",
        "1b,ä,1,a.jpg".encode(),
        b"2,\xff\xfe,1,a.jpg",
        b"3,a,cheap,a.jpg",
        b"4,a,1,",
    ]
    lines += [b",a,1,a.jpg", b"6,a,1,a.jpg,more", b"7,a,-1,a.jpg", b"8," + b"x" * 200_000 + b",1,a.jpg"]
    lines += [b"9,a,1,ftp://shop.test/a.jpg", b"", b"10,a,1,a.jpg"]
    path.write_bytes(b"\n".join(lines))
    found = list(open_source(path))
    kept = [one for one in found if isinstance(one, Row)]
    assert [one.fields.id for one in kept] == ["1", "1b", "3", "7", "10"]
    assert [bool(one.notes) for one in kept] == [False, False, True, True, False]  # prices that are none
    reasons = [(one.place.split()[-1], one.reason) for one in found if isinstance(one, Skipped)]
    expected = ["UTF-8", "no image", "non-empty id", "5 values", "as CSV", "http(s) address"]
    assert [place for place, _ in reasons] == ["4", "6", "7", "8", "10", "11"]
    assert all(part in reason for part, (_, reason) in zip(expected, reasons, strict=True))


def test_unreadable_json_lines_are_skipped_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    lines = [b'{"id": 1, "image": ["a.jpg", "b.jpg"], "tags": ["x"], "attributes": {"fat": 3}}', b"{", b"[]", b"\xff"]
    lines += [b"", b'{"id": "2", "image": 7}', b'{"id": {}, "image": "a.jpg"}', b'{"image": "a.jpg"}']
    lines += [b'{"id": "3", "price": true, "image": "a.jpg"}', b"[" * 100_000, b'{"id": "4", "image": "cup.jpg"}']
    path.write_bytes(b"\n".join(lines))
    first, unpriced, last = (one for one in open_source(path) if isinstance(one, Row))
    assert (unpriced.fields.price, len(unpriced.notes)) == (None, 1)
    assert (first.fields.id, len(first.images), first.fields.attributes) == ("1", 2, {"tags": ["x"], "fat": 3})
    assert (last.fields.id, last.fields.title) == ("4", "cup")
    expected = ["not JSON", "not a JSON object", "not UTF-8", "neither a path", "id is not text", "non-empty id"]
    reasons = skips_of(path)
    assert all(part in reason for part, reason in zip([*expected, "not JSON"], reasons, strict=True))


def test_parquet_knows_lists_decimals_and_missing_prices(tmp_path: Path) -> None:
    records = [
        {"id": 1, "price": Decimal("1.50"), "image": ["a.jpg"], "nan": float("nan")},
        {"id": 2, "price": None, "image": [], "nan": 1.0},
    ]
    path = write(tmp_path / "items.parquet", records)
    first, second = open_source(path)
    assert isinstance(first, Row)
    assert (first.fields.id, first.fields.price, first.fields.attributes) == ("1", 1.5, {})
    assert isinstance(second, Skipped)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("items.csv", b"", "is empty"),
        ("items.csv", b"id\n1\n", "no column 'image'"),
        ("items.csv", b"title,image\na,a.jpg\n", "no column 'id'"),
        ("items.csv", b"id,ID,image\n", "column 'id' twice"),
        ("items.csv", bytes(range(256)), "no column 'id'|header line"),
        ("items.jsonl", b"\n\n", "is empty"),
        ("items.parquet", b"PAR1 and then nothing", "as Parquet"),
        ("items.xlsx", b"", "as a workbook"),
        ("items.doc", b"", "no known kind"),
        ("items.7z", b"", "unpack it first"),
        ("items.zip", b"PK", "as a zip file"),
        ("items.xml", b"<rss>", "as XML"),
        ("empty/readme.txt", b"", "holds no picture"),
    ],
)
def test_a_file_that_cannot_hold_items_is_refused(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=sentence):
        open_source(path.parent if name.startswith("empty/") else path)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="There is no file or folder"):
        open_source(tmp_path / "items.csv")


def test_a_parquet_table_without_an_image_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no column 'image'"):
        open_source(write(tmp_path / "items.parquet", [{"id": 1}]))
