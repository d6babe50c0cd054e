from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from whatsit_client.errors import Damaged, InvalidInput

from whatsit.evaluation.datasets.label_file import Box, LabelFile, Picture
from whatsit.labelling.review_page import write_sheet
from whatsit.labelling.review_table import decide, doubtful_boxes, read_review, write_table

SURE = Box(1, 1, 30, 30, "cup", 0.9)
LABELS = LabelFile(
    (
        Picture("a.png", 90, 60, (SURE, Box(5, 5, 20, 10, "cup", 0.4, doubtful=True))),
        Picture('b "x".png', 50, 40, (Box(2, 2, 9, 9, "jar", 0.2, doubtful=True), Box(20, 5, 9, 9, "can", 0.3, True))),
    )
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    assert write_table(LABELS, tmp_path / "review.csv") == 3
    return tmp_path / "review.csv"


def edit(table: Path, *changes: dict[str, str], delimiter: str = ",") -> None:
    rows = list(csv.DictReader(table.open()))
    for change in changes:
        if "number" in change:
            rows[int(change["number"]) - 1].update(change)
        else:
            rows.append(change)
    with table.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def test_the_surest_of_a_picture_comes_first(table: Path) -> None:
    assert [row["name"] for row in csv.DictReader(table.open())] == ["cup", "can", "jar"]


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_persons_table_is_read_back(table: Path, delimiter: str) -> None:
    edit(
        table,
        {"number": "1", "decision": "Keep", "name": "mug", "width": "22,5" if delimiter == ";" else "22.5"},
        {"number": "2", "decision": "n"},
        {"file": "a.png", "x": "40", "y": "40", "width": "10", "height": "12", "name": "lid"},
        delimiter=delimiter,
    )
    decisions = read_review(table, LABELS)
    assert [d.verdict for d in decisions] == ["keep", "drop", "", "keep"]
    one, two = decide(LABELS, decisions).pictures
    assert [(b.name, b.corners, b.doubtful, b.origin) for b in one.boxes] == [
        ("cup", (1, 1, 31, 31), False, ""),
        ("mug", (5, 5, 27.5, 15), False, "person"),
        ("lid", (40, 40, 50, 52), False, "person"),
    ]
    assert [(b.name, b.doubtful) for b in two.boxes] == [("jar", True)]


def test_an_export_of_a_labelling_tool_is_read_back(tmp_path: Path) -> None:
    moved = Box(3, 2, 10, 9, "jar")
    exported = LabelFile((Picture('images/1a2b3c4d-b "x".png', 50, 40, (moved,)),))
    exported.write(tmp_path / "export.json")
    decided = decide(LABELS, read_review(tmp_path / "export.json", LABELS))
    assert decided.pictures[0] == LABELS.pictures[0]  # not in the export: untouched
    assert [(b.corners, b.doubtful, b.origin) for b in decided.pictures[1].boxes] == [((3, 2, 13, 11), False, "person")]


def test_untouched_boxes_of_an_export_stay_and_deleted_ones_go(tmp_path: Path) -> None:
    first = LABELS.pictures[0]
    shifted = [Box(b.x + 1e-6, b.y, b.width, b.height - 2e-6, b.name) for b in first.boxes]
    LabelFile((Picture("/data/local-files/?d=/a.png", 90, 60, tuple(shifted)),)).write(tmp_path / "export.json")
    decided = decide(LABELS, read_review(tmp_path / "export.json", LABELS))
    assert [(b.doubtful, b.score) for b in decided.pictures[0].boxes] == [(False, 0.9), (False, 0.4)]
    LabelFile((Picture("a.png", 90, 60),)).write(tmp_path / "export.json")
    assert decide(LABELS, read_review(tmp_path / "export.json", LABELS)).pictures[0].boxes == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"number": "1", "decision": "perhaps"}, "line 2: the decision 'perhaps'"),
        ({"number": "1", "x": "left"}, "'left' is not a number"),
        ({"file": "c.png", "x": "1", "y": "1", "width": "1", "height": "1"}, "no picture 'c.png'"),
        ({"file": "a.png", "x": "1"}, "needs x, y, width and height"),
    ],
)
def test_a_slip_in_the_table_is_named(table: Path, change: dict[str, str], said: str) -> None:
    edit(table, change)
    with pytest.raises(InvalidInput, match=said):
        read_review(table, LABELS)


def test_another_table_is_refused(table: Path, tmp_path: Path) -> None:
    rows = table.read_text() + "9,a.png,1,1,1,1,cup,,keep\n"
    table.write_text(rows)
    with pytest.raises(InvalidInput, match="no box number 9"):
        read_review(table, LABELS)
    table.write_text("a,b\n1,2\n")
    with pytest.raises(Damaged, match="no column"):
        read_review(table, LABELS)
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_review(tmp_path / "none.csv", LABELS)


@pytest.fixture
def page(tmp_path: Path) -> str:
    for picture in LABELS.pictures:
        cv2.imwrite(str(tmp_path / picture.file), np.full((picture.height, picture.width, 3), 90, np.uint8))
    write_sheet(LABELS, tmp_path, tmp_path / "review.html", "Three </script> boxes", "review.csv")
    return (tmp_path / "review.html").read_text()


def test_the_page_shows_every_doubtful_box_and_needs_nothing_else(page: str) -> None:
    assert page.count("data:image/jpeg;base64,") == len(doubtful_boxes(LABELS))
    assert not re.search(r"""(src|href)=["']?http""", page)
    assert page.count("</script>") == 1
    assert "&quot;x&quot;" in page or "b &quot;x" in page


def test_the_pages_button_saves_a_table_that_is_understood(page: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js, which runs the page's script here, is not installed")
    script = page.split("<script>")[1].split("</script>")[0]
    stub = """
const made = [];
const figures = [0, 1, 2].map(() => { const f = {className: "", focus() {}};
  const parts = {img: {}, input: {value: ""}}; f.querySelector = name => parts[name]; return f; });
const byId = {save: {}, count: {}};
const document = {querySelectorAll: () => figures, getElementById: id => byId[id],
  createElement: () => ({click() {}})};
const localStorage = {getItem: () => null, setItem() {}}, location = {pathname: "x"};
class Blob { constructor(parts) { made.push(parts.join("")); } }
URL.createObjectURL = () => "blob:";
"""
    use = """
figures[0].querySelector("img").onclick();
figures[1].onkeydown({target: figures[1], key: "d"});
figures[2].querySelector("input").value = 'jar, "large"'; figures[2].querySelector("input").oninput();
byId.save.onclick(); process.stdout.write(made[0]);
"""
    done = subprocess.run([node, "-e", stub + script + use], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    saved = tmp_path / "saved.csv"
    saved.write_text(done.stdout)
    decisions = read_review(saved, LABELS)
    assert [(d.verdict, d.box.name) for d in decisions] == [("keep", "cup"), ("drop", "can"), ("", 'jar, "large"')]
    assert json.dumps([d.row() for d in decisions])
