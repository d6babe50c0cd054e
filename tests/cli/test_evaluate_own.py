"""`whatsit evaluate own` on three photos, with a catalogue that answers by a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from whatsit.cli.app import app
from whatsit.cli.evaluate import own
from whatsit.evaluation.datasets.own_photos import OwnPhoto
from whatsit.evaluation.metrics.answer_quality import PhotoAnswer


class Table:
    """Says "tea" to everything whose name does not begin with "x"; its second answer may stop the run."""

    def __init__(self, stop: bool = False) -> None:
        self.settings: dict[str, Any] = {"catalogue": "table"}
        self.stop, self.asked = stop, 0

    def __call__(self, photo: OwnPhoto) -> PhotoAnswer:
        self.asked += 1
        if self.stop and self.asked == 2:
            raise KeyboardInterrupt
        if photo.file.name.startswith("x"):
            return PhotoAnswer(str(photo.file), photo.item, "not_found", scale="probability")
        place = 1 if photo.item == "tea" else None
        return PhotoAnswer(str(photo.file), photo.item, "found", "tea", "tea", place, 0.9, "probability")

    def knows(self, id: str) -> bool:
        return id in ("tea", "milk")

    def picture(self, id: str) -> bytes | None:
        return None


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "known"
    for place in ("tea/1.png", "milk/2.png", "_none/x3.png", "gone/4.png"):
        (folder / place).parent.mkdir(parents=True)
        Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(folder / place)
    return folder


def run(monkeypatch: pytest.MonkeyPatch, table: Table, tmp_path: Path, *options: object) -> Result:
    monkeypatch.setattr(own, "_open", lambda *_: table)
    given = ["evaluate", "own", "any", "--workers", "1", "--out", str(tmp_path / "out"), *map(str, options)]
    return CliRunner().invoke(app, given)


def test_report_pictures_and_comparison(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photos: Path) -> None:
    now = tmp_path / "now.json"
    done = run(monkeypatch, Table(), tmp_path, "--photos", photos, "--json", now)
    assert done.exit_code == 0, (done.output, done.exception)
    report = json.loads(now.read_text())
    counts = {name: (share["count"], share["of"]) for name, share in report["measures"].items()}
    assert (counts["right"], counts["wrong"], counts["absent_wrong"]) == ((1, 2), (1, 2), (1, 2))  # "gone" is absent
    assert [one["verdict"] for one in report["photos"]] == ["silent", "wrong", "wrong", "right"]
    assert "The catalogue lacks 1 of the 3 items (gone)" in done.output
    sheet = Image.open(tmp_path / "out" / "mistakes.png")
    assert sheet.width > 1000
    assert not (tmp_path / "out" / "journal.jsonl").exists()
    again = run(monkeypatch, Table(), tmp_path, "--photos", photos, "--before", now)
    assert "Of 4 photos in both: 0 are answered right now and were not before" in " ".join(again.output.split())


def test_a_stopped_run_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photos: Path) -> None:
    stopped = run(monkeypatch, Table(stop=True), tmp_path, "--photos", photos)
    assert stopped.exit_code == 130
    assert "Stopped after 1 of 4 photos" in stopped.output
    rest = Table()
    done = run(monkeypatch, rest, tmp_path, "--photos", photos)
    assert "Going on after 1 of 4 photos" in done.output
    assert rest.asked == 3


def test_what_cannot_be_measured_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photos: Path) -> None:
    (tmp_path / "other" / "coffee").mkdir(parents=True)
    (photos / "tea" / "1.png").rename(tmp_path / "other" / "coffee" / "1.png")
    (tmp_path / "bad.csv").write_text("name,sku\n1.png,tea\n")
    (tmp_path / "now.json").write_text("{}")
    for given, told in (
        (("--photos", tmp_path / "other"), "holds none of the 1 items"),
        (("--photos", tmp_path / "bad.csv"), "it needs image and id"),
        (("--photos", tmp_path / "none"), "There is no"),
        (("--photos", photos, "--before", tmp_path / "now.json"), "is no report of"),
    ):
        refused = run(monkeypatch, Table(), tmp_path, *given)
        assert refused.exit_code == 1
        assert told in str(refused.exception)


def test_a_table_names_photos_and_items(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photos: Path) -> None:
    (photos / "list.csv").write_text("Image;ID\ntea/1.png;tea\n_none/x3.png;\n")
    done = run(monkeypatch, Table(), tmp_path, "--photos", photos / "list.csv", "--json", tmp_path / "now.json")
    assert done.exit_code == 0, done.output
    assert [one["verdict"] for one in json.loads((tmp_path / "now.json").read_text())["photos"]] == ["right", "silent"]
