"""Sources behind addresses: web servers and object stores, by stand-ins on this machine."""

from __future__ import annotations

import io
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from whatsit_client.errors import InvalidInput

from tests.catalogue.web.web_shop import Shop, body
from whatsit.catalogue.ingest.fetch import Fetch
from whatsit.catalogue.sources import Row, Skipped, SourceOptions, open_source
from whatsit.catalogue.sources.cloud_image import CloudImage, bucket_of, is_cloud
from whatsit.catalogue.sources.picture_location import WebImage, ZipImage, must_be_kept, path_of
from whatsit.catalogue.sources.preview import preview
from whatsit.catalogue.store.picture_files import read_picture
from whatsit.catalogue.web import Downloads

TABLE = b"id,title,price,image\n1,Tea,2.50,img/a b.jpg\n2,Cup,3,https://other.test/c.jpg\n"


@pytest.fixture
def web() -> Iterator[Shop]:
    opened = Shop()
    yield opened
    opened.close()


@pytest.fixture
def bucket() -> str:
    """A bucket in memory, as `memory://` stands for object stores."""
    url = f"memory://shop{uuid.uuid4().hex[:8]}"
    system, _ = fsspec.core.url_to_fs(url)
    files = {
        "items.csv": TABLE.replace(b"https://other.test/c.jpg", f"{url}/c.jpg".encode()),
        "img/a b.jpg": b"tea",
        "c.jpg": b"cup",
        "photos/tea/1.jpg": b"1",
        "photos/tea/2.jpg": b"2",
        "photos/.hidden.jpg": b"",
        "photos/read.txt": b"",
    }
    for name, data in files.items():
        system.pipe_file(f"{url}/{name}", data)
    return url


@pytest.mark.parametrize(("path", "kind"), [("/feeds/items.csv", "text/html"), ("/feeds/export?id=7", "text/csv")])
def test_a_table_on_the_web(web: Shop, path: str, kind: str) -> None:
    url = web.url(path, body(TABLE, Content_Type=kind))
    found = preview(url, downloads=Downloads(allow_private=True))
    assert (found.items, found.columns["image"]) == (2, "image")
    tea, cup = open_source(url, downloads=Downloads(allow_private=True))
    assert isinstance(tea, Row)
    assert isinstance(cup, Row)
    assert tea.images == (WebImage(f"http://127.0.0.1:{web.port}/feeds/img/a%20b.jpg"),)
    assert cup.images == (WebImage("https://other.test/c.jpg"),)
    assert tea.place == f"{url} line 2"


def test_what_the_web_sends_in_place_of_a_table(web: Shop) -> None:
    open_private = Downloads(allow_private=True)
    with pytest.raises(InvalidInput, match=r"127\.0\.0\.1, which is not on the public internet"):
        open_source(web.url("/items.csv", body(TABLE)))
    assert not web.asked
    with pytest.raises(InvalidInput, match="is a web page, not a table"):
        open_source(web.url("/shop", body(b"<html>", Content_Type="text/html")), downloads=open_private)
    with pytest.raises(InvalidInput, match="cannot be copied .*answered 404"):
        open_source(web.url("/gone.csv", body(b"", 404)), downloads=open_private)
    with pytest.raises(InvalidInput, match=rf"http://127\.0\.0\.1:{web.port}/empty.csv is empty"):
        open_source(web.url("/empty.csv", body(b"")), downloads=open_private)


def test_an_archive_on_the_web(web: Shop) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("tea/a.jpg", b"tea")
    url = web.url("/shop.zip", body(data.getvalue()))
    source = open_source(url, downloads=Downloads(allow_private=True))
    (row,) = source
    assert isinstance(row, Row)
    (image,) = row.images
    assert isinstance(image, ZipImage)
    assert (image.read(9), path_of(image), must_be_kept(image)) == (b"tea", f"{url}#tea/a.jpg", True)


def test_a_table_in_a_bucket_and_pictures_beside_it(bucket: str, tmp_path: Path) -> None:
    tea, cup = open_source(f"{bucket}/items.csv")
    assert isinstance(tea, Row)
    assert isinstance(cup, Row)
    assert [*map(path_of, tea.images + cup.images)] == [f"{bucket}/img/a b.jpg", f"{bucket}/c.jpg"]
    assert [Fetch()(row.images[0]) for row in (tea, cup)] == [b"tea", b"cup"]
    assert read_picture(f"{bucket}/c.jpg", tmp_path) == b"cup"
    with pytest.raises(InvalidInput, match="no such picture"):
        Fetch()(CloudImage(f"{bucket}/none.jpg"))


def test_a_folder_in_a_bucket(bucket: str) -> None:
    rows = [row for row in open_source(f"{bucket}/photos/") if isinstance(row, Row)]
    assert [(row.fields.id, row.fields.category) for row in rows] == [("tea/1", "tea"), ("tea/2", "tea")]
    (product,) = open_source(f"{bucket}/photos", SourceOptions(folders="products"))
    assert isinstance(product, Row)
    assert (product.fields.id, [Fetch()(image) for image in product.images]) == ("tea", [b"1", b"2"])
    for url, words in ((f"{bucket}/none", "There is no file or folder"), (f"{bucket}/img/a b.jpg", "of no known kind")):
        with pytest.raises(InvalidInput, match=words):
            open_source(url)


def test_a_table_of_strangers_reads_no_bucket(tmp_path: Path) -> None:
    """A table is a stranger's text; the bucket is read with the operator's rights."""
    table = tmp_path / "items.csv"
    table.write_text("id,image\n1,s3://payroll/scan.jpg\n2,s3://payroll/a.jpg https://shop.test/b.jpg\n")
    refused, kept = open_source(table)
    assert isinstance(refused, Skipped)
    assert refused.reason.startswith("its image 's3://payroll/scan.jpg' is in another bucket than the table")
    assert isinstance(kept, Row)
    assert kept.images == (WebImage("https://shop.test/b.jpg"),)
    assert "another bucket" in kept.notes[0]
    allowed, _ = open_source(table, SourceOptions(allow_private=True))
    assert isinstance(allowed, Row)
    assert allowed.images == (CloudImage("s3://payroll/scan.jpg"),)


def test_addresses_of_object_stores() -> None:
    urls = ("s3://b/a", "gs://b", "file:///etc/passwd", "s3://b/a::file:///x", "http://a")
    assert list(map(is_cloud, urls)) == [True, True, False, False, False]
    assert bucket_of("s3://b/a/c.jpg") == "s3://b"
