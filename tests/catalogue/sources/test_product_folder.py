"""A folder for each product, in a folder and in a zip file."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources import Row, Skipped, SourceOptions, open_source
from whatsit.catalogue.sources.picture_location import ZipImage, path_of
from whatsit.catalogue.store.picture_files import read_picture

PRODUCTS = SourceOptions(folders="products")
NAMES = ["tea/green_tea/10.jpg", "tea/green_tea/9.jpg", "cup/a.png", "loose.jpg", "cup/notes.txt", ".hidden/x.jpg"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / "shop" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "shop" / name).write_bytes(name.encode())
    return tmp_path / "shop"


def test_each_folder_is_a_product_with_its_pictures_in_order(folder: Path) -> None:
    source = open_source(folder, PRODUCTS)
    skipped, cup, tea = source
    assert isinstance(skipped, Skipped)
    assert isinstance(cup, Row)
    assert isinstance(tea, Row)
    assert (cup.fields.id, cup.fields.title, cup.fields.category) == ("cup", "cup", None)
    assert (tea.fields.id, tea.fields.title, tea.fields.category) == ("tea/green_tea", "green tea", "tea")
    assert [image.name for image in tea.images if isinstance(image, Path)] == ["9.jpg", "10.jpg"]
    assert source.count() == 2


def test_folders_that_look_like_products_are_named(tmp_path: Path) -> None:
    for product in ("a", "b", "c"):
        (tmp_path / product).mkdir()
        for n in range(3):
            (tmp_path / product / f"{n}.jpg").write_bytes(b"")
    assert "--folders products" in open_source(tmp_path).notes()[0]
    assert open_source(tmp_path, PRODUCTS).notes() == []


def test_a_zip_file_is_read_like_its_folder(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "shop.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in [*NAMES[:3], "__MACOSX/tea/._9.jpg"]:
            archive.writestr(name, name)
    one_each = [row for row in open_source(path) if isinstance(row, Row)]
    assert [row.fields.id for row in one_each] == ["cup/a", "tea/green_tea/10", "tea/green_tea/9"]
    image = one_each[1].images[0]
    assert isinstance(image, ZipImage)
    assert image.read(1000) == b"tea/green_tea/10.jpg"
    assert image.read(3) == b"tea"
    assert read_picture(path_of(image), tmp_path) == b"tea/green_tea/10.jpg"  # as the store reads it again
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_picture(f"{path}#nothing.jpg", tmp_path)
    products = [row for row in open_source(path, PRODUCTS) if isinstance(row, Row)]
    assert [(row.fields.id, len(row.images)) for row in products] == [("cup", 1), ("tea/green_tea", 2)]
    with pytest.raises(ValueError, match="no member"):
        ZipImage(path, "nothing.jpg").read(10)


def test_a_folder_without_products_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(InvalidInput, match="leave out --folders"):
        open_source(tmp_path, PRODUCTS)
