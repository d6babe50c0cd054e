"""Why an item was or was not found: the figures are those of the search."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.filter.where_filter import Filter
from whatsit.cli.app import app
from whatsit.search.explanation import explain
from whatsit.search.search_options import SearchOptions


def test_an_item_that_is_the_answer_and_one_that_is_not(catalogue: Path, shop: Path) -> None:
    picture = sorted((shop / "images").glob("*.jpg"))[0]
    found = explain(catalogue, picture.read_bytes(), picture.stem, SearchOptions(top_k=100, gate=False))
    assert found.is_answer
    assert found.answer.ids[0] == picture.stem
    assert (found.best.place, found.best.nearer) == (1, 0)
    assert found.best.score == pytest.approx(2.0, abs=0.1)
    assert any("It is the answer" in one for one in found.reasons)
    other = sorted((shop / "images").glob("*.jpg"))[-1].stem
    options = SearchOptions(top_k=100, gate=False, where=Filter.parse({"id": picture.stem}))
    lost = explain(catalogue, picture.read_bytes(), other, options)
    assert not lost.is_answer
    assert lost.best.nearer > 0
    assert lost.reasons[0] == "The filter 'where' leaves it out."
    assert json.loads(json.dumps(lost.to_record()))["regions"][0]["label"] == "image"
    with pytest.raises(InvalidInput, match="no item 'none'"):
        explain(catalogue, picture.read_bytes(), "none", SearchOptions())


def test_the_command_prints_and_draws(catalogue: Path, shop: Path, tmp_path: Path) -> None:
    picture = sorted((shop / "images").glob("*.jpg"))[0]
    sheet = tmp_path / "why.png"
    arguments = [
        "explain",
        str(picture),
        picture.stem,
        "--catalogue",
        str(catalogue),
        "--no-gate",
        "--save",
        str(sheet),
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "is the answer." in result.stdout
    assert "whole picture" in result.stdout
    assert Image.open(sheet).width > 900
