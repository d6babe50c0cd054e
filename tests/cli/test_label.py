from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner
from whatsit_client.errors import WhatsitError

from whatsit.cli.app import app
from whatsit.evaluation.datasets.label_file import read_labels
from whatsit.rendering.product import make_products
from whatsit.rendering.shop import catalogue_picture, save_jpeg

ROOT = Path(__file__).resolve().parents[2]
DETECTOR = ROOT / "model_repository" / "detector" / "1" / "model.onnx"


def run(*arguments: object) -> dict[str, object]:
    """A command of `whatsit label` that succeeds: what it prints as JSON."""
    done = CliRunner().invoke(app, ["label", *map(str, arguments), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Drawn products, a folder for each."""
    for number, product in enumerate(make_products(4, 2)):
        folder = tmp_path / "photos" / f"p{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        save_jpeg(folder / f"{product.id}.jpg", catalogue_picture(product))
    return tmp_path / "photos"


def test_a_teachers_doubts_go_to_a_person_and_come_back(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "labels.json"
    taught = run("teacher", photos, "--out", out, "--teacher", DETECTOR, "--sure", 1, "--doubtful", 0.3)
    assert taught["pictures"] == 4
    assert taught["boxes"] == 0
    assert taught["doubtful"] >= 4
    assert not out.with_name("labels.json.part").exists()

    asked = run("review", out, photos, "--out", tmp_path / "review")
    assert asked["doubtful"] == taught["doubtful"]
    assert (tmp_path / "review" / "review.html").stat().st_size > 5000
    table = Path(str(asked["table"]))
    rows = list(csv.DictReader(table.open()))
    for number, row in enumerate(rows):
        row["decision"] = "keep" if number == 0 else "drop"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    decided = run("decide", out, table, "--out", tmp_path / "decided.json")
    assert (decided["boxes"], decided["doubtful"], decided["keep"]) == (1, 0, 1)
    assert len((tmp_path / "decided.decisions.jsonl").read_text().splitlines()) == taught["doubtful"]


def test_single_products_are_named_by_their_folder_and_compared(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "labels.json"
    run("teacher", photos, "--out", out, "--teacher", DETECTOR, "--single", "--limit", 3)
    labels = read_labels(out)
    assert len(labels.pictures) == 3
    assert all(picture.boxes[0].name == picture.file.split("/")[0] for picture in labels.pictures)
    figures = run("compare", out, out)
    assert (figures["found"], figures["right"], figures["named"]) == (1, 1, 1)
    shown = CliRunner().invoke(app, ["label", "compare", str(out), str(out)])
    assert "100.0%" in shown.stdout


def test_composites_and_yolo_labels_become_files(photos: Path, tmp_path: Path) -> None:
    scenes = tmp_path / "scenes"
    (scenes / "images").mkdir(parents=True)
    cv2.imwrite(str(scenes / "images" / "s.png"), np.full((100, 100, 3), 90, np.uint8))
    (scenes / "labels").mkdir()
    (scenes / "labels" / "s.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    assert run("convert", scenes, "--out", tmp_path / "yolo.json")["boxes"] == 1
    made = run(
        "composites", photos, "--scenes", scenes / "images", "--out", tmp_path / "c", "--count", 3, "--size", 128
    )
    assert made["pictures"] == 3
    assert made["boxes"] >= 3
    assert {p.name for p in (tmp_path / "c" / "pictures").glob("*.jpg")} == {f"0000{n}.jpg" for n in range(3)}


def test_weak_boxes_from_tags(photos: Path, tmp_path: Path, shared_weights: Path) -> None:
    first = next(photos.rglob("*.jpg"))
    (tmp_path / "tags.csv").write_text(f"image,tag\n{first.relative_to(tmp_path)},toy\n")
    out = tmp_path / "labels.json"
    run("activation", photos, "--out", out, "--weights", shared_weights, "--tags", tmp_path / "tags.csv")
    labels = read_labels(out).by_file()
    assert len(labels) == 4
    assert labels[first.relative_to(photos).as_posix()].boxes[0].name == "toy"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["teacher", "nowhere"], "There are no pictures in nowhere"),
        (["compare", "none.json", "none.json"], "none.json cannot be read"),
        (["convert", "nowhere"], "There are no pictures"),
        (["rounds", "nowhere", "--labels", "none.json"], "none.json cannot be read"),
        (["rounds", "nowhere", "--labels", "none.json", "--recipe", "none.yaml"], "none.yaml cannot be read"),
    ],
)
def test_what_is_missing_is_one_sentence(arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(WhatsitError, match=said):
        CliRunner().invoke(app, ["label", *arguments], catch_exceptions=False)
