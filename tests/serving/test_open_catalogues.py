"""Catalogues of a step: opened, found by name, dropped, tried again."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from whatsit_client.errors import Damaged, InvalidInput, Unavailable

from whatsit.serving import open_catalogues
from whatsit.serving.catalogue_file import FollowedCatalogues, write_catalogues
from whatsit.serving.open_catalogues import OpenCatalogues


class Opened:
    """An open catalogue of this test."""

    def __init__(self, folder: Path) -> None:
        if (folder / "damaged").exists():
            raise Damaged(f"{folder.name} is damaged.")
        self.folder = folder
        self.connection = Connection()


class Connection:
    """Refers to itself, as SQLite's does."""

    def __init__(self) -> None:
        self.itself = self


Make = Callable[[], OpenCatalogues[Opened]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    write_catalogues(tmp_path / "all.json", {name: tmp_path / name for name in ("a", "b")})
    return tmp_path / "all.json"


@pytest.fixture
def make(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.setattr(open_catalogues, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(open_catalogues, "_LOOK_SECONDS", 0.01)
    made = []

    def build(open: Callable[[Path], Opened] = Opened) -> OpenCatalogues[Opened]:
        made.append(OpenCatalogues(FollowedCatalogues(file), open))
        return made[-1]

    yield build
    for one in made:
        one.close()


def test_a_name_picks_and_none_takes_the_first(make: Make, file: Path) -> None:
    served = make()
    assert [served(name).folder.name for name in (None, "a", "b")] == ["a", "a", "b"]
    assert served("b") is served("b")
    with pytest.raises(InvalidInput, match=r"There is no catalogue 'x'; there are a, b\."):
        served("x")


def test_one_without_a_file_is_opened_at_once_and_its_error_is_raised(tmp_path: Path) -> None:
    served = OpenCatalogues(lambda: {"default": tmp_path}, Opened)
    assert served() is served("default")
    with pytest.raises(InvalidInput, match=r"there is default\."):
        served("a")
    (tmp_path / "damaged").touch()
    with pytest.raises(Damaged):
        OpenCatalogues(lambda: {"default": tmp_path}, Opened)


def test_one_that_is_added_is_opened_and_the_others_stay(make: Make, file: Path) -> None:
    served = make()
    first = served("a")
    write_catalogues(file, {name: file.parent / name for name in ("c", "a")})
    assert served().folder.name == "c"
    assert served("a") is first
    with pytest.raises(InvalidInput, match=r"there are c, a\."):
        served("b")


def test_one_that_is_removed_is_dropped_as_soon_as_nobody_uses_it(make: Make, file: Path) -> None:
    served = make()
    used = served("b")
    kept = weakref.ref(used)
    gone = threading.Event()
    weakref.finalize(used, gone.set)
    write_catalogues(file, {"a": file.parent / "a"})
    with pytest.raises(InvalidInput):
        served("b")
    gc.collect()
    assert kept() is used
    del used
    gc.collect()
    assert gone.wait(120)


def test_one_that_is_removed_is_closed_without_any_request(make: Make, file: Path) -> None:
    served = make()
    closed = threading.Event()
    weakref.finalize(served("b").connection, closed.set)
    gc.disable()
    try:
        write_catalogues(file, {"a": file.parent / "a"})
        assert closed.wait(120)
    finally:
        gc.enable()


def test_one_that_the_error_of_a_request_still_holds_is_closed(make: Make, file: Path) -> None:
    served = make()
    closed = threading.Event()
    weakref.finalize(served("b").connection, closed.set)
    gc.disable()
    try:
        _fail(served("b"))
        write_catalogues(file, {"a": file.parent / "a"})
        assert closed.wait(120)
    finally:
        gc.enable()


def _fail(used: Opened) -> None:
    """Leave an error that refers to its own frame, which uses the catalogue."""
    try:
        raise InvalidInput(str(used.folder))
    except InvalidInput as error:
        kept = error
    assert kept is not None


def test_one_that_is_removed_while_it_is_being_opened_is_closed(
    make: Callable[[Callable[[Path], Opened]], OpenCatalogues[Opened]], file: Path
) -> None:
    begun, going, closed = threading.Event(), threading.Event(), threading.Event()

    def slow(folder: Path) -> Opened:
        opened = Opened(folder)
        if folder.name == "c":
            weakref.finalize(opened.connection, closed.set)
            begun.set()
            going.wait(120)
        return opened

    served = make(slow)
    gc.disable()
    try:
        write_catalogues(file, {name: file.parent / name for name in ("a", "c")})
        assert begun.wait(120)
        write_catalogues(file, {"a": file.parent / "a"})
        with pytest.raises(InvalidInput):
            served("c")
        going.set()
        assert closed.wait(120)
    finally:
        gc.enable()


def test_one_that_moved_is_opened_anew(make: Make, file: Path) -> None:
    served = make()
    write_catalogues(file, {"a": file.parent / "c"})
    assert served("a").folder.name == "c"


def test_one_that_cannot_be_opened_does_not_hurt_the_others(make: Make, file: Path) -> None:
    (file.parent / "b" / "damaged").touch()
    served = make()
    assert served("a").folder.name == "a"
    with pytest.raises(Unavailable, match=r"The catalogue 'b' cannot be opened: b is damaged\."):
        served("b")
    (file.parent / "b" / "damaged").unlink()
    mended = threading.Event()
    for _ in range(10_000):
        try:
            assert served("b").folder.name == "b"
            break
        except Unavailable:
            mended.wait(0.01)
    else:
        pytest.fail("it was not tried again")


def test_one_that_opens_slowly_does_not_hold_up_the_others(
    make: Callable[[Callable[[Path], Opened]], OpenCatalogues[Opened]], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = threading.Event()

    def slow(folder: Path) -> Opened:
        if folder.name == "c":
            going.wait(120)
        return Opened(folder)

    served = make(slow)
    monkeypatch.setattr(open_catalogues, "_WAIT_SECONDS", 0.0)
    write_catalogues(file, {name: file.parent / name for name in ("a", "c")})
    with pytest.raises(Unavailable, match="'c' is being opened"):
        served("c")
    assert served("a").folder.name == "a"
    going.set()
    monkeypatch.setattr(open_catalogues, "_WAIT_SECONDS", 30.0)
    assert served("c").folder.name == "c"
