"""The catalogues that a server is started with: checked, passed on, replaced."""

from __future__ import annotations

from pathlib import Path

import pytest
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.server import named_catalogues
from whatsit.server.named_catalogues import NamedCatalogues
from whatsit.serving.catalogue_file import read_catalogues, write_catalogues


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the folders that were checked; one named `damaged` is refused."""
    seen: list[str] = []

    def check(folder: Path, models: Path) -> None:
        seen.append(folder.name)
        if folder.name == "damaged":
            raise Unavailable("It is damaged.")

    monkeypatch.setattr(named_catalogues, "check_catalogue", check)
    return seen


def test_one_folder_has_no_file(tmp_path: Path, checked: list[str]) -> None:
    one = NamedCatalogues(tmp_path)
    one.check(tmp_path)
    one.check(tmp_path)
    assert checked == [tmp_path.name] * 2
    assert one.folders() == {"default": tmp_path}
    assert one.variables(tmp_path) == {"WHATSIT_CATALOGUES": "", "WHATSIT_CATALOGUE": str(tmp_path)}
    with pytest.raises(InvalidInput, match="without a name"):
        one.replace({"a": tmp_path}, tmp_path, tmp_path)


def test_several_are_written_and_replaced(tmp_path: Path, checked: list[str]) -> None:
    several = NamedCatalogues({"a": tmp_path / "a", "b": tmp_path / "b"})
    several.check(tmp_path)
    assert checked == ["a", "b"]
    file = Path(several.variables(tmp_path)["WHATSIT_CATALOGUES"])
    assert list(read_catalogues(file)) == ["a", "b"]
    several.replace({"b": tmp_path / "b", "c": tmp_path / "c"}, tmp_path, tmp_path)
    assert checked == ["a", "b", "c"]
    assert read_catalogues(file) == several.folders() == {"b": tmp_path / "b", "c": tmp_path / "c"}
    for wrong in ({"b": tmp_path / "damaged"}, {}, {"a b": tmp_path}):
        with pytest.raises((InvalidInput, Unavailable)):
            several.replace(wrong, tmp_path, tmp_path)
    assert list(read_catalogues(file)) == list(several.folders()) == ["b", "c"]


def test_the_file_of_the_caller_is_used_and_a_restart_checks_nothing(tmp_path: Path, checked: list[str]) -> None:
    file = tmp_path / "all.json"
    write_catalogues(file, {"a": tmp_path / "a"})
    several = NamedCatalogues(file)
    several.check(tmp_path)
    write_catalogues(file, {"a": tmp_path / "a", "b": tmp_path / "damaged"})
    several.check(tmp_path)  # the server is started again: the others must not stay away for it
    assert checked == ["a"]
    assert several.variables(tmp_path / "work")["WHATSIT_CATALOGUES"] == str(file)
    several.replace({"c": tmp_path / "c"}, tmp_path, None)
    assert list(read_catalogues(file)) == ["c"]


def test_no_catalogue_and_no_name_are_refused(tmp_path: Path) -> None:
    for wrong in ({}, {"": tmp_path}, {"a/b": tmp_path}):
        with pytest.raises(InvalidInput):
            NamedCatalogues(wrong)
