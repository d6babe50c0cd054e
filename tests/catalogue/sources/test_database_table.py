"""Databases as sources: tables, views and queries, read and never written."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue.ingest.fetch import Fetch
from whatsit.catalogue.sources import Row, SourceOptions, open_source
from whatsit.catalogue.sources.picture_location import InlineImage, path_of

SETUP = """
CREATE TABLE products (sku TEXT, name TEXT, price NUMERIC, image TEXT, stock INTEGER);
INSERT INTO products VALUES ('007', 'Tea', 2.5, 'img/tea.jpg', 3), ('008', 'Cup', NULL, 'https://shop.test/cup.jpg', 0);
CREATE TABLE orders (total REAL, paid INTEGER);
CREATE VIEW cheap AS SELECT sku, name, image FROM products WHERE price < 3;
CREATE TABLE photos (id TEXT, image BLOB, raw BLOB);
INSERT INTO photos VALUES ('1', x'ffd8ff', x'00');
"""


@pytest.fixture
def shop(tmp_path: Path) -> str:
    (tmp_path / "img").mkdir()
    (tmp_path / "img/tea.jpg").write_bytes(b"tea")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database:
        database.executescript(SETUP)
    return f"sqlite:///{tmp_path / 'shop.db'}"


def rows_of(url: str, query: str | None = None) -> list[Row]:
    found = list(open_source(url, SourceOptions(query=query)))
    assert all(isinstance(row, Row) for row in found), found
    return [row for row in found if isinstance(row, Row)]


def test_the_table_of_items_is_found(shop: str) -> None:
    before = hashlib.sha256(Path(shop[10:]).read_bytes()).digest()
    source = open_source(shop)
    assert "the table 'products' is read" in source.notes()[0]
    assert source.count() == 2
    tea, cup = rows_of(shop)
    assert (tea.fields.id, tea.fields.title, tea.fields.price) == ("007", "Tea", 2.5)
    assert tea.fields.attributes == {"stock": 3}
    assert [path_of(image) for row in (tea, cup) for image in row.images] == [
        str((Path(shop[10:]).parent / "img/tea.jpg").resolve()),
        "https://shop.test/cup.jpg",
    ]
    assert tea.place.endswith("products row 1")
    assert hashlib.sha256(Path(shop[10:]).read_bytes()).digest() == before


@pytest.mark.parametrize(
    "query", ["cheap", "SELECT sku AS id, name AS title, image FROM products WHERE stock > 0 ORDER BY sku;"]
)
def test_a_view_or_a_query(shop: str, query: str) -> None:
    (tea,) = rows_of(shop, query)
    assert (tea.fields.id, tea.fields.title) == ("007", "Tea")
    assert open_source(shop, SourceOptions(query=query)).count() == 1


def test_pictures_in_the_database_itself(shop: str) -> None:
    (row,) = rows_of(shop, "photos")
    (image,) = row.images
    assert isinstance(image, InlineImage)
    assert Fetch()(image) == b"\xff\xd8\xff"
    assert row.notes == ("its column 'raw' holds bytes, which are left out",)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("nothing", "has no table 'nothing'; its tables are"),
        ("SELECT wrong FROM products", "cannot be read .*no such column"),
        ("DROP TABLE products", "cannot be read .*readonly|returns no rows"),
        ("orders", "has no column 'id'"),
        ("SELECT 1; SELECT 2", "cannot be read"),
    ],
)
def test_queries_that_are_refused(shop: str, query: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        open_source(shop, SourceOptions(query=query))
    assert len(rows_of(shop)) == 2


def test_addresses_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="There is no file"):
        open_source(f"sqlite:///{tmp_path}/none.db")
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "text.db").write_text("no database")
    with pytest.raises(InvalidInput, match="cannot be read .*not a database"):
        open_source(f"sqlite:///{tmp_path}/text.db")
    for url, words in (
        ("postgresql://me:secret@host.test/shop", r"'postgresql' needs a driver: pip install 'psycopg"),
        ("postgres://me:secret@host.test/shop", r"'postgresql' needs a driver: pip install 'psycopg"),
        ("mysql+odd://me:secret@host.test/shop", "SQLAlchemy knows no database 'mysql.odd'"),
    ):
        with pytest.raises(Unavailable, match=words) as caught:
            open_source(url)
        assert "secret" not in str(caught.value)
    for url in ("ftp://host.test/a.csv", "file:///etc/passwd", "gopher://host.test/"):
        with pytest.raises(InvalidInput, match="There is no source"):
            open_source(url)
