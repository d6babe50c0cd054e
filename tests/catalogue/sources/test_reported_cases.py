"""Small files of people's reports (`cases/` of the report), written again: each has its right outcome."""

from __future__ import annotations

from pathlib import Path

import pytest

from whatsit.catalogue.sources import Row, Skipped, open_source

PRICES = {
    "1,99 €": 1.99, "€1.99": 1.99, "$ 1.99": 1.99, "1.234,56": 1234.56, "1,234.56": 1234.56, "1 234,56": 1234.56,
    "1'234.56": 1234.56, "1,234": None, "19.-": 19.0, "free": None, "": None, "-1": None, "1e3": 1000.0, "NaN": None,
    "inf": None, "0": 0.0, "٣٫٥": 3.5, "１２": 12.0, "1.99 EUR": 1.99, "USD 1.99": 1.99, "1,99": 1.99,
}  # fmt: skip


def read(path: Path, data: bytes) -> tuple[list[Row], list[Skipped], list[str]]:
    path.write_bytes(data)
    source = open_source(path)
    found = list(source)
    rows = [one for one in found if isinstance(one, Row)]
    return rows, [one for one in found if isinstance(one, Skipped)], source.notes()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("url.csv", "id,image\nU1,http://[::1/x.jpg\nU2,img/0.jpg\n"),
        ("url.jsonl", '{"id": "U1", "image": "http://[::1/x.jpg"}\n{"id": "U2", "image": "img/0.jpg"}\n'),
        ("port.csv", "id,image\nU1,http://x:99999/x.jpg\nU2,img/0.jpg\n"),
        ("host.csv", "id,image\nU1,http:///x.jpg\nU2,img/0.jpg\n"),
    ],
)
def test_a_malformed_address_costs_its_own_row(tmp_path: Path, name: str, text: str) -> None:
    (row,), (skipped,), _ = read(tmp_path / name, text.encode())
    assert row.fields.id == "U2"
    assert "U1" in (tmp_path / name).read_text()
    assert "address" in skipped.reason or "neither a path" in skipped.reason


def test_prices_cost_no_item_and_are_read_or_reported(tmp_path: Path) -> None:
    lines = [f'P{n},"{price}",img/{n % 10}.jpg' for n, price in enumerate(PRICES)]
    rows, skipped, notes = read(tmp_path / "prices.csv", "\n".join(["id,price,image", *lines]).encode())
    assert skipped == []
    assert [row.fields.price for row in rows] == list(PRICES.values())
    unread = {price for price, row in zip(PRICES, rows, strict=True) if row.notes}
    assert unread == {"1,234", "free", "-1", "inf"}
    assert any("'1,234'" in note and "both marks" in note for note in notes)
    assert rows[0].fields.attributes == {"currency": "EUR"}


def test_gbk_is_read_and_said(tmp_path: Path) -> None:
    rows, skipped, notes = read(
        tmp_path / "gbk.csv", "id,title,image\nA1,脉动饮料,a.jpg\nA2,plain,b.jpg\n".encode("gbk")
    )
    assert [row.fields.title for row in rows] == ["脉动饮料", "plain"]
    assert skipped == []
    assert "gb18030, a guess" in notes[0]


def test_an_open_quote_costs_one_row(tmp_path: Path) -> None:
    rest = "".join(f"B{n},t,img/{n % 10}.jpg\n" for n in range(20))
    rows, skipped, _ = read(tmp_path / "openquote.csv", f'id,title,image\nA1,"open,img/0.jpg\n{rest}'.encode())
    assert [row.fields.id for row in rows] == [f"B{n}" for n in range(20)]
    assert [(one.place.split()[-1], "not closed" in one.reason) for one in skipped] == [("2", True)]


@pytest.mark.parametrize(
    "data",
    [
        "id,title,image\nA1,x,img/0.jpg\n".encode("utf-16"),
        b"sep=;\nid;title;image\nA1;x;img/0.jpg\n",
        b"\n\nid,title,image\nA1,x,img/0.jpg\n",
        b'id,"title, in full",title,image\nA1,"a;b;c",x,img/0.jpg\n',
        b"SKU;Name;Bild\nA1;x;img/0.jpg\n",
    ],
)
def test_what_was_refused_is_read(tmp_path: Path, data: bytes) -> None:
    (row,), skipped, _ = read(tmp_path / "items.csv", data)
    assert (row.fields.id, row.fields.title, skipped) == ("A1", "x", [])
    assert row.images == (tmp_path / "img/0.jpg",)


def test_text_over_several_lines_is_one_value(tmp_path: Path) -> None:
    text = 'id,title,image,text\nA,x,a.jpg,"one\n\ntwo ""quoted"", three"\nB,y,b.jpg,z\n'
    rows, skipped, _ = read(tmp_path / "items.csv", text.encode())
    assert skipped == []
    assert rows[0].fields.attributes == {"text": 'one\n\ntwo "quoted", three'}
    assert rows[1].fields.id == "B"


def test_an_id_that_a_spreadsheet_rounded_is_reported(tmp_path: Path) -> None:
    rows, skipped, _ = read(tmp_path / "i.csv", b'id;image\n"4,00638E+12";a.jpg\n1E5;b.jpg\n')
    assert [row.fields.id for row in rows] == ["1E5"]
    assert "rounded by a spreadsheet" in skipped[0].reason


def test_rows_without_a_column_say_nothing_about_its_field(tmp_path: Path) -> None:
    (row,), _, notes = read(tmp_path / "p.csv", b"id,price\nA,0.5\n")
    assert (row.given, row.images) == (frozenset({"price"}), ())
    assert any("no column of pictures" in note for note in notes)


@pytest.mark.parametrize(("sound", "kept"), [(1, ["B0", "B1", "B2"]), (5, ["A0", "A1", "A2", "A3", "A4"])])
def test_lines_of_two_encodings_are_never_mixed_up(tmp_path: Path, sound: int, kept: list[str]) -> None:
    good = b"".join(f"A{n},Käse,a.jpg\n".encode() for n in range(sound))
    other = b"".join(f"B{n},Käse,a.jpg\n".encode("cp1252") for n in range(3))
    rows, skipped, _ = read(tmp_path / "mixed.csv", b"id,title,image\n" + good + other)
    assert [row.fields.id for row in rows] == kept
    assert {row.fields.title for row in rows} == {"Käse"}
    assert len(skipped) == sound + 3 - len(kept)
