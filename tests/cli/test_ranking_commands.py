"""The commands around ranking: geometry of a catalogue, feedback, and what they refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import whatsit_client.client
from typer.testing import CliRunner
from whatsit_client.errors import InvalidInput

from whatsit.cli.app import app


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return str(result.stdout)


@pytest.mark.slow
def test_geometry_is_kept_and_dropped(catalogue: Path, tmp_path: Path) -> None:
    folder = tmp_path / "catalogue"
    shutil.copytree(catalogue, folder)
    assert json.loads(run("catalogue", "publish", str(folder), "--json"))["pictures_with_geometry"] == 40
    assert "geometry" not in run("catalogue", "publish", str(folder), "--no-geometry")
    assert "geometry of 40 pictures" in run("catalogue", "publish", str(folder), "--geometry")


def test_feedback_says_what_was_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told: list[Any] = []

    class FakeClient:
        def __init__(self, url: str) -> None:
            told.append(url)

        def __enter__(self) -> FakeClient:
            return self

        def __exit__(self, *_: object) -> None: ...

        def feedback(self, photo: Path, item: str, box: Any, catalogue: str | None) -> int:
            told.append((photo.name, item, box, catalogue))
            return 7

    monkeypatch.setattr(whatsit_client.client, "Client", FakeClient)
    said = run("feedback", str(tmp_path / "x.jpg"), "P1", "--box", "1,2,30,40", "--url", "host:1")
    assert told == ["host:1", ("x.jpg", "P1", (1.0, 2.0, 30.0, 40.0), None)]
    assert "7" in said
    assert CliRunner().invoke(app, ["feedback", "x.jpg", "P1", "--box", "1,2"]).exit_code == 2


def test_a_ranker_needs_a_catalogue(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["train", "ranker", str(tmp_path)])
    assert result.exit_code == 1
    with pytest.raises(Exception, match="catalogue"):
        raise result.exception or InvalidInput("nothing")
