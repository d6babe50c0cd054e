"""Cells with several pictures: addresses keep their marks, paths are told apart."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from whatsit.catalogue.sources.image_cell import images_of
from whatsit.catalogue.sources.picture_location import WebImage

A, B = "https://s.test/a;v=1,2.jpg?x=1|2", "http://s.test/b c.png"


@pytest.mark.parametrize("separator", [", ", ",", "|", " ", "; ", ";", "\n", " | "])
def test_addresses_are_told_apart_and_keep_their_marks(tmp_path: Path, separator: str) -> None:
    images, refused = images_of(separator.join([A, B]), tmp_path)
    assert (images, refused) == ([WebImage(A), WebImage(B)], [])


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("a.jpg;b.png", ["a.jpg", "b.png"]),
        ("a.jpg, b.png", ["a.jpg", "b.png"]),
        ("a.jpg b.png", ["a.jpg", "b.png"]),
        ("my cup, blue.jpg", ["my cup, blue.jpg"]),
        ("img\\a.jpg", ["img\\a.jpg"]),
        ('["a.jpg", "b.jpg"]', ["a.jpg", "b.jpg"]),
        (" ; ", []),
    ],
)
def test_paths_are_told_apart(tmp_path: Path, cell: str, names: list[str]) -> None:
    assert images_of(cell, tmp_path) == ([tmp_path / name for name in names], [])


def test_a_file_that_is_there_is_one_picture_whatever_its_name(tmp_path: Path) -> None:
    for name in ("a;b, c.jpg", "sub"):
        (tmp_path / name).mkdir() if name == "sub" else (tmp_path / name).write_bytes(b"")
    (tmp_path / "sub" / "x.jpg").write_bytes(b"")
    assert images_of("a;b, c.jpg", tmp_path)[0] == [tmp_path / "a;b, c.jpg"]
    assert images_of("sub\\x.jpg", tmp_path)[0] == [tmp_path / "sub/x.jpg"]


def test_composed_and_decomposed_names_are_one(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "Käse.jpg")
    (tmp_path / name).write_bytes(b"")
    (found,), _ = images_of(unicodedata.normalize("NFC", name), tmp_path)
    assert isinstance(found, Path)
    assert found.is_file()


def test_an_address_without_a_scheme_is_an_address_and_a_bad_one_costs_itself(tmp_path: Path) -> None:
    assert images_of("//s.test/a.jpg", tmp_path)[0] == [WebImage("https://s.test/a.jpg")]
    images, refused = images_of("http://[::1/x.jpg, https://s.test/a.jpg, ", tmp_path)
    assert images == [WebImage("https://s.test/a.jpg")]
    assert "malformed" in refused[0]
