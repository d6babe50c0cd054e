"""`whatsit identify` against a stand-in server: what it prints, saves and exits with."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from whatsit_client import Identification
from whatsit_client.tensors import read_identification

from whatsit.cli import main


@pytest.fixture
def path(tmp_path: Path, photo: bytes) -> Path:
    file = tmp_path / "photo.jpg"
    file.write_bytes(photo)
    return file


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The exit code of the command line; a sentence counts as 1, as the shell sees it."""
    monkeypatch.setattr(sys, "argv", ["whatsit", "identify", *map(str, arguments)])
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as stop:
        main()
    code = stop.value.code
    if isinstance(code, str):
        print(code, file=sys.stderr)
        return 1
    return code or 0  # type: ignore[return-value]  # an int or None by now


def test_it_prints_regions_and_matches(monkeypatch: Any, capsys: Any, fake: Any, path: Path) -> None:
    assert run(monkeypatch, path, "--url", fake.url) == 0
    out = capsys.readouterr().out
    for words in ("Tea 0 (80% sure)", "1 object 0.75", "10 20 60 70", "1.500", "sku1", "no match"):
        assert words in out
    assert fake.parameters == [{}]


def test_options_reach_the_server(monkeypatch: Any, fake: Any, path: Path) -> None:
    options = ["--box", "1,2,3,4", "--box", "5,6,7,8.5", "--top-k", 3, "--where", '{"brand": "x"}']
    assert run(monkeypatch, path, "--url", fake.url, *options, "--min-score", 1.2, "--rerank", "none", "--no-gate") == 0
    assert fake.parameters == [
        {
            "boxes": "[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.5]]",
            "top_k": 3,
            "where": '{"brand": "x"}',
            "min_score": "1.2",
            "rerank": "none",
            "gate": "off",
        }
    ]


def test_min_rank_is_the_deprecated_name_of_min_score(monkeypatch: Any, fake: Any, path: Path) -> None:
    assert run(monkeypatch, path, "--url", fake.url, "--min-rank", 1.2) == 0
    assert fake.parameters == [{"min_score": "1.2"}]


def test_json_is_one_object_a_line(monkeypatch: Any, capsys: Any, fake: Any, path: Path, reply: Any) -> None:
    assert run(monkeypatch, path, path, "--json", "--url", fake.url) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0])["photo"] == str(path)
    assert Identification.from_json(lines[1]) == read_identification(reply)


def test_it_saves_a_picture(monkeypatch: Any, capsys: Any, fake: Any, path: Path, tmp_path: Path) -> None:
    picture = tmp_path / "new" / "out.png"
    assert run(monkeypatch, path, "--save", picture, "--url", fake.url) == 0
    assert Image.open(picture).width > 400
    folder = tmp_path / "many"
    assert run(monkeypatch, path, path, "--save", folder, "--url", fake.url) == 0
    assert [file.name for file in folder.iterdir()] == ["photo.whatsit.png"]
    assert run(monkeypatch, path, "--save", tmp_path / "out.xyz", "--url", fake.url) == 1
    assert "cannot be saved" in capsys.readouterr().err


def test_refusals_are_one_sentence(monkeypatch: Any, capsys: Any, path: Path, tmp_path: Path) -> None:
    assert run(monkeypatch, path, "--url", "127.0.0.1:1") == 1
    assert capsys.readouterr().err.startswith("whatsit: No Whatsit server answers at grpc://127.0.0.1:1")
    assert run(monkeypatch, tmp_path / "missing.jpg") == 1
    assert "There is no file" in capsys.readouterr().err


def test_one_bad_photo_does_not_stop_the_others(monkeypatch: Any, capsys: Any, fake: Any, path: Path) -> None:
    assert run(monkeypatch, path, "missing.jpg", path, "--url", fake.url) == 1
    printed = capsys.readouterr()
    assert printed.out.count("Tea 0 (80% sure)") == 2
    assert "missing.jpg" in printed.err
    assert "1 of 3 photos" in printed.err


@pytest.mark.parametrize("box", ["1,2,3", "a,b,c,d", "", "1,2,3,4,5"])
def test_a_box_that_is_none_is_wrong_usage(monkeypatch: Any, path: Path, box: str) -> None:
    assert run(monkeypatch, path, "--box", box) == 2
