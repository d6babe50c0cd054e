"""The file of the served catalogues: read, followed, written, refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.serving.catalogue_file import (
    FollowedCatalogues,
    check_name,
    read_catalogues,
    unknown_catalogue,
    write_catalogues,
)
from whatsit.serving.environment import CATALOGUE_VARIABLE, CATALOGUES_VARIABLE, served_catalogues


def test_what_is_written_is_read_in_order(tmp_path: Path) -> None:
    file = tmp_path / "catalogues.json"
    write_catalogues(file, {"shop": tmp_path / "s", "art": tmp_path / "a"})
    assert list(read_catalogues(file).items()) == [("shop", tmp_path / "s"), ("art", tmp_path / "a")]
    assert [path.name for path in tmp_path.iterdir()] == ["catalogues.json"]


def test_folders_are_relative_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "catalogues.json"
    file.write_text('{"shop": "below/it"}')
    assert read_catalogues(file) == {"shop": tmp_path / "below" / "it"}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"a": 3}', '{"a": ""}', '{"a": null}', '{"../a": "x"}', '{"": "x"}', "[" * 100_000, "\0"]
)
def test_a_wrong_file_is_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "catalogues.json"
    file.write_text(text)
    with pytest.raises(InvalidInput) as error:
        read_catalogues(file)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"none\.json cannot be read"):
        read_catalogues(tmp_path / "none.json")


def test_a_damaged_or_removed_file_leaves_the_catalogues_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "catalogues.json"
    write_catalogues(file, {"a": tmp_path})
    follow = FollowedCatalogues(file)
    write_catalogues(file, {"b": tmp_path, "a": tmp_path})
    assert list(follow()) == ["b", "a"]
    file.write_text("{")
    assert list(follow()) == ["b", "a"]
    file.unlink()
    assert list(follow()) == ["b", "a"]
    write_catalogues(file, {"c": tmp_path})
    assert list(follow()) == ["c"]


def test_the_environment_names_one_or_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CATALOGUES_VARIABLE, raising=False)
    monkeypatch.delenv(CATALOGUE_VARIABLE, raising=False)
    with pytest.raises(Unavailable, match="WHATSIT_CATALOGUE must name"):
        served_catalogues()
    monkeypatch.setenv(CATALOGUE_VARIABLE, str(tmp_path))
    assert served_catalogues()() == {"default": tmp_path}
    write_catalogues(tmp_path / "all.json", {"a": tmp_path / "x"})
    monkeypatch.setenv(CATALOGUES_VARIABLE, str(tmp_path / "all.json"))
    assert served_catalogues()() == {"a": tmp_path / "x"}


@pytest.mark.parametrize("name", ["", "a b", "a/b", "..", "-a", "1", "é", "a" * 61, "a\n"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="no name of a catalogue"):
        check_name(name)


def test_an_unknown_name_is_told_the_names_there_are() -> None:
    assert str(unknown_catalogue("x", ["a", "b"])) == "There is no catalogue 'x'; there are a, b."
    assert str(unknown_catalogue("x", ["default"])) == "There is no catalogue 'x'; there is default."
