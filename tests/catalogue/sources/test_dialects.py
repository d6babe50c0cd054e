"""Tables in sixty dialects: every row is right or reported, and nothing is silently wrong."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.catalogue.sources.made_tables import MadeTable, Truth, damaged, made_tables
from whatsit.catalogue.sources import Row, Skipped, open_source
from whatsit.catalogue.sources.picture_location import WebImage, ZipImage

TABLES = {made.name: made for made in made_tables()}
COLOURS = {
    "colour",
    "Colour",
    "Farbe",
    "Couleur",
    "Color",
    "Colore",
    "Kolor",
    "Цвет",
    "颜色",
    "色",
    "색상",
    "Renk",
    "Färg",
}


def assert_right(row: Row, one: Truth, base: Path) -> None:
    assert (row.fields.title, row.fields.brand, row.fields.category) == (one.title, one.brand, one.category)
    assert row.fields.price == pytest.approx(one.price)
    images = [image.url if isinstance(image, WebImage) else name_of(image, base) for image in row.images]
    assert images == list(one.images)
    attributes = dict(row.fields.attributes)
    assert attributes.pop("currency", None) == one.currency
    ((name, colour),) = attributes.items()
    assert (name in COLOURS, colour) == (True, one.colour)
    assert not row.notes


def name_of(image: object, base: Path) -> str:
    if isinstance(image, ZipImage):
        return image.name.removeprefix("shop/")
    assert isinstance(image, Path)
    return image.relative_to(base).as_posix()


def test_there_are_sixty_dialects() -> None:
    assert len(TABLES) >= 60


@pytest.mark.parametrize("made", TABLES.values(), ids=TABLES)
def test_every_row_of_every_dialect_is_right(tmp_path: Path, made: MadeTable) -> None:
    path, truth = made.write(tmp_path)
    found = list(open_source(path))
    assert [one for one in found if isinstance(one, Skipped)] == []
    rows = {one.fields.id: one for one in found if isinstance(one, Row)}
    assert list(rows) == [one.id for one in truth]
    for one in truth:
        assert_right(rows[one.id], one, tmp_path)


@pytest.mark.parametrize("seed", range(40))
def test_a_line_that_is_broken_anywhere_costs_no_other(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    made = rng.choice([one for one in TABLES.values() if one.name.startswith(("delimiter", "quirk", "ru", "zh"))])
    path, truth = made.write(tmp_path)
    lines = path.read_bytes().decode(made.encoding).split("\n")
    number = rng.randrange(len(lines) - 12, len(lines) - 1)
    line = lines[number]
    at = rng.randrange(len(line))
    inserted = rng.choice(["", '"', made.delimiter, "\n", "\r", line])
    lines[number] = line[:at] + inserted + line[at + (inserted == "") :]
    path.write_bytes("\n".join(lines).encode(made.encoding))
    rows = {one.fields.id: one for one in open_source(path) if isinstance(one, Row)}
    for one in truth:
        if one.id not in line[:12]:
            assert_right(rows[one.id], one, tmp_path)


@pytest.mark.parametrize("name", [n for n in TABLES if n.startswith(("delimiter", "price", "quirk-bom", "de-cp1252"))])
def test_damaged_rows_are_reported_and_cost_no_others(tmp_path: Path, name: str) -> None:
    path, truth, bad = damaged(TABLES[name], tmp_path)
    found = list(open_source(path))
    rows = {one.fields.id: one for one in found if isinstance(one, Row)}
    reported = {one.place for one in found if isinstance(one, Skipped)}
    reported |= {one.place for one in found if isinstance(one, Row) and one.notes}
    assert len(reported) == len(bad)
    assert rows["003"].fields.price is None
    assert rows["003"].notes
    for one in truth:
        if one.id not in bad:
            assert_right(rows[one.id], one, tmp_path)
        elif one.id != "003":
            assert one.id not in rows
