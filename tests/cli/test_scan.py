"""`whatsit scan` on films."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from whatsit.cli.app import app
from whatsit.rendering.film_file import write_film
from whatsit.rendering.film_kinds import make_film
from whatsit.rendering.product import make_products

run = CliRunner()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera that comes to a package and stays there for two seconds."""
    made = replace(make_film("steady", 5, make_products(8, 3)), rate=15)
    return write_film(tmp_path_factory.mktemp("film") / "steady.avi", made.frames(), 15)


def test_one_request_is_sent_and_drawn(film: Path, tmp_path: Path) -> None:
    said = run.invoke(app, ["scan", str(film), "--detector", "none", "--save", str(tmp_path / "out")])
    assert said.exit_code == 0, said.output
    assert "1 request of" in said.output
    assert "times as many" in said.output
    for name in ("film-strip.png", "timeline.png", "sent-1.jpg"):
        assert min(Image.open(tmp_path / "out" / name).size) > 200


def test_json_names_states_and_requests(film: Path) -> None:
    said = run.invoke(app, ["scan", str(film), "--detector", "none", "--json"])
    found = json.loads(said.stdout)
    assert [one["track"] for one in found["sent"]] == [0]
    assert found["states"][-1]["end_ms"] == pytest.approx(1000 * found["seconds"])
    assert found["requests_every_15th_frame"] == -(-found["frames"] // 15)


def test_nothing_sent_says_why(film: Path) -> None:
    said = run.invoke(app, ["scan", str(film), "--detector", "none", "--seconds", "0.2"])
    assert "Nothing was sent" in said.output


def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no film")
    for source, sentence in (("nowhere.mp4", "There is no film"), (str(tmp_path / "broken.mp4"), "cannot be read")):
        said = run.invoke(app, ["scan", source, "--detector", "none"])
        assert sentence in str(said.exception)
    said = run.invoke(app, ["scan", str(tmp_path / "broken.mp4"), "--detector", "none", "--budget", "0"])
    assert said.exit_code == 1
