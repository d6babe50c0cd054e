"""Pictures in a workbook's cells, by whichever program placed them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.catalogue.sources.made_book_pictures import write_drawn, write_placed, write_wps
from whatsit.catalogue.sources import Row, Skipped, open_source
from whatsit.catalogue.sources.picture_location import ZipImage, must_be_kept

ROWS = [["id", "title"], ["007", "Tea"], ["008", "Cup"], ["009", "Pot"]]
PICTURES = {2: b"tea", 4: b"pot"}


def _read(path: Path) -> dict[str, list[bytes]]:
    rows = [row for row in open_source(path) if isinstance(row, Row)]
    return {row.fields.id: [image.read(99) for image in row.images if isinstance(image, ZipImage)] for row in rows}


@pytest.mark.parametrize("write", [write_drawn, write_placed])
def test_pictures_belong_to_their_rows(tmp_path: Path, write: Callable[..., Path]) -> None:
    path = write(tmp_path / "a.xlsx", {"Items": ROWS}, PICTURES)
    assert _read(path) == {"007": [b"tea"], "008": [], "009": [b"pot"]}
    source = open_source(path)
    assert "kept in the catalogue" in source.notes()[0]
    assert not any("no column of pictures" in note for note in source.notes())
    assert all(must_be_kept(image) for row in source if isinstance(row, Row) for image in row.images)


def test_pictures_of_wps(tmp_path: Path) -> None:
    rows = [["id", "图片"], ["1", '=DISPIMG("ID_A1",1)'], ["2", '=DISPIMG("ID_B2",1)'], ["3", None]]
    path = write_wps(tmp_path / "a.xlsx", {"Items": rows}, {"ID_B2": b"second", "ID_A1": b"first"})
    assert _read(path) == {"1": [b"first"], "2": [b"second"]}


def test_logos_and_pictures_without_a_row(tmp_path: Path) -> None:
    path = write_drawn(tmp_path / "a.xlsx", {"Items": [["Our shop"], *ROWS]}, {1: b"logo", 3: b"tea", 9: b"lost"})
    assert _read(path) == {"007": [b"tea"], "008": [], "009": []}
    assert [one.reason for one in open_source(path) if isinstance(one, Skipped)] == ["it has a picture and no values"]


@pytest.mark.parametrize("part", ["xl/drawings/drawing1.xml", "xl/drawings/_rels/drawing1.xml.rels"])
def test_damaged_parts_cost_the_pictures_alone(tmp_path: Path, part: str) -> None:
    path = write_drawn(tmp_path / "a.xlsx", {"Items": ROWS}, PICTURES)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as book:
        book.writestr(part, b"<not xml")
    assert list(_read(path)) == ["007", "008", "009"]
