"""The gateway's catalogues: names, readers, and the file that changes them."""

from __future__ import annotations

import gc
import json
import os
from pathlib import Path

import pytest
from whatsit_client.errors import InvalidInput, Unavailable

from tests.gateway.fakes import FakeTriton, ask, served
from whatsit.catalogue import Store
from whatsit.catalogue.layout import Layout
from whatsit.gateway.app import build_app
from whatsit.gateway.problems import Problem
from whatsit.gateway.served_catalogues import ServedCatalogues
from whatsit.gateway.settings import Settings
from whatsit.gateway.startup import choose_catalogues
from whatsit.serving.catalogue_file import read_catalogues, write_catalogues


def settings(tmp_path: Path, **given: object) -> Settings:
    usual = {"catalogues": {"a": tmp_path / "a"}, "model_repository": tmp_path, "upstream": "", "open_role": "admin"}
    return Settings(**(usual | given))  # type: ignore[arg-type]


def test_without_a_file_they_stay(tmp_path: Path) -> None:
    one = ServedCatalogues(settings(tmp_path))
    assert (one.names(), one.default, "a" in one, "b" in one, one.may_change) == (["a"], "a", True, False, False)
    assert one.reader("a") is one.reader("a")


def test_a_file_adds_and_removes_them(tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    write_catalogues(file, {"a": tmp_path / "a", "b": tmp_path / "b"})
    several = ServedCatalogues(settings(tmp_path, catalogues_file=file))
    kept, moved = several.reader("a"), several.reader("b")
    write_catalogues(file, {"b": tmp_path / "elsewhere", "a": tmp_path / "a"})
    assert (several.names(), several.default, several.may_change) == (["b", "a"], "b", True)
    assert several.reader("a") is kept
    assert several.reader("b") is not moved
    write_catalogues(file, {"b": tmp_path / "b"})
    with pytest.raises(Problem, match=r"There is no catalogue 'a'; there is b\.") as error:
        several.reader("a")
    assert error.value.status == 404


def test_a_catalogue_that_is_removed_is_closed_though_it_was_only_changed(tmp_path: Path) -> None:
    file, folder = tmp_path / "all.json", tmp_path / "b"
    Store(Layout(folder).store).close()
    write_catalogues(file, {"a": tmp_path / "a", "b": folder})
    several = ServedCatalogues(settings(tmp_path, catalogues_file=file))
    gc.disable()
    try:
        assert several.writer("b").review.queues()
        assert _open_files(folder)
        write_catalogues(file, {"a": tmp_path / "a"})
        assert several.names() == ["a"]
        assert not _open_files(folder)
    finally:
        gc.enable()


def _open_files(folder: Path) -> list[str]:
    """The files of a folder that this process holds open."""
    names = [os.readlink(one) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    return [name for name in names if name.startswith(f"{folder}/")]


def test_routes_follow_the_file_and_tell_triton_the_name(tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    write_catalogues(file, {"a": tmp_path / "a", "b": tmp_path / "b"})
    given = settings(tmp_path, catalogues_file=file)
    with FakeTriton() as triton, served(build_app(given.model_copy(update={"upstream": triton.url}))) as port:

        def sent(path: str) -> str:
            ask(port, "POST", path, b"picture")
            body = triton.seen[-1].body
            return str(json.loads(body[: body.rindex(b"}") + 1])["parameters"]["catalogue"])

        assert (sent("/v1/detect"), sent("/v1/c/b/detect")) == ("a", "b")
        write_catalogues(file, {"c": tmp_path / "c"})
        assert ask(port, "GET", "/v1/catalogues").json == {"catalogues": [{"name": "c", "default": True}]}
        gone = ask(port, "POST", "/v1/c/b/detect", b"picture")
        assert (gone.status, gone.json["detail"]) == (404, "There is no catalogue 'b'; there is c.")
        assert sent("/v1/detect") == "c"


def test_a_start_takes_folders_or_a_file(tmp_path: Path) -> None:
    assert choose_catalogues([str(tmp_path)], None, tmp_path) == tmp_path
    file = choose_catalogues([f"a={tmp_path}", f"b={tmp_path}"], None, tmp_path)
    assert read_catalogues(file) == {"a": tmp_path, "b": tmp_path}
    assert choose_catalogues([], file, tmp_path) == file
    for given, named in (([], None), ([str(tmp_path)], file)):
        with pytest.raises(InvalidInput, match="by --catalogue"):
            choose_catalogues(given, named, tmp_path)
    with pytest.raises(Unavailable):
        choose_catalogues([], tmp_path / "none.json", tmp_path)
    for wrong in (["a=x", "a=y"], ["x", "y"], ["a="], ["a b=x"]):
        with pytest.raises(InvalidInput):
            choose_catalogues(wrong, None, tmp_path)
