"""Workbooks: numbers, dates and empty cells as people see them, and sheets that fit into no memory."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from whatsit_client.errors import InvalidInput

from tests.catalogue.sources.made_books import write_ods, write_xlsx
from whatsit.catalogue.sources import Row, Skipped, open_source

ROWS = [
    ["id", "title", "price", "image", "stock"],
    [7, "Käse", 1.5, "a.jpg", 3.0],
    [None] * 5,
    ["007", "Tea", None, "b.jpg"],
]


@pytest.mark.parametrize(("name", "write"), [("items.xlsx", write_xlsx), ("items.ods", write_ods)])
def test_cells_are_read_as_people_see_them(tmp_path: Path, name: str, write: object) -> None:
    assert callable(write)
    path = write(tmp_path / name, {"Items": ROWS})
    first, second = open_source(path)
    assert isinstance(first, Row)
    assert isinstance(second, Row)
    assert (first.fields.id, first.fields.title, first.fields.price) == ("7", "Käse", 1.5)
    assert (first.fields.attributes, first.place.rpartition(" ")[2]) == ({"stock": 3}, "2")
    assert (second.fields.id, second.fields.price, second.place.rpartition(" ")[2]) == ("007", None, "4")


def test_values_beyond_the_columns_are_reported(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "items.xlsx", {"Items": [["id", "image"], ["1", "a.jpg", "?"], ["2", "b.jpg"]]})
    skipped, row = open_source(path)
    assert isinstance(skipped, Skipped)
    assert isinstance(row, Row)


def test_the_sheet_with_the_best_header_is_read_and_said(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "items.xlsx", {"Cover": [["Name", "Jane"]], "Items": ROWS, "Old": ROWS[:1]})
    source = open_source(path)
    assert source.count() == 3
    assert source.notes()[0] == "the sheet 'Items' is read, and not Cover, Old"


def test_a_cell_that_is_far_away_is_refused(tmp_path: Path) -> None:
    small, far = write_xlsx(tmp_path / "a.xlsx", {"Items": ROWS}), tmp_path / "far.xlsx"
    with zipfile.ZipFile(small) as archive, zipfile.ZipFile(far, "w") as written:
        for name in archive.namelist():
            cell = b'<row r="1048576"><c r="XFD1048576"><v>3</v></c></row></sheetData>'
            written.writestr(name, archive.read(name).replace(b"</sheetData>", cell))
    with pytest.raises(InvalidInput, match="far from a table"):
        open_source(far)


def test_a_workbook_without_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds no table"):
        open_source(write_xlsx(tmp_path / "a.xlsx", {"Items": []}))
    (tmp_path / "b.xlsx").write_bytes(small := b"PK\x03\x04 and no more")
    assert small
    with pytest.raises(InvalidInput, match="as a workbook"):
        open_source(tmp_path / "b.xlsx")
