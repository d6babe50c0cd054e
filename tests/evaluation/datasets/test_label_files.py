from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whatsit_client.errors import Damaged, InvalidInput

from whatsit.evaluation.datasets.label_file import Box, LabelFile, Picture, matching, read_labels, renamed

LABELS = LabelFile(
    (
        Picture(
            "a/one.jpg",
            640,
            480,
            (
                Box.of_corners([10.5, 20, 110.25, 220.125], "bottle", score=0.75, origin="teacher"),
                Box(1, 2, 3, 4, "apple", doubtful=True),
            ),
        ),
        Picture("two.jpg", 32, 16),
    )
)
FOREIGN = {
    "info": {"year": 2026},
    "licenses": [],
    "images": [{"id": 7, "file_name": "x.jpg", "width": 9, "height": 8, "coco_url": "http://x"}],
    "annotations": [
        {"id": 3, "image_id": 7, "category_id": 90, "bbox": [0.123456, 1, 2, 3], "area": 5.5, "iscrowd": 0,
         "segmentation": [[0, 0, 1, 1, 2, 2]]},
        {"id": 12, "image_id": 7, "category_id": 4, "bbox": [1, 1, 2, 2], "area": 4, "iscrowd": 1, "hue": {"a": 1}},
    ],
    "categories": [{"id": 4, "name": "cat", "supercategory": "animal"}, {"id": 90, "name": "toothbrush"}],
}  # fmt: skip


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    LABELS.write(tmp_path / "labels.json")
    read = read_labels(tmp_path / "labels.json")
    for before, after in zip(LABELS.pictures, read.pictures, strict=True):
        assert (before.file, before.width, before.height) == (after.file, after.width, after.height)
        for one, other in zip(before.boxes, after.boxes, strict=True):
            assert (one.corners, one.name, one.score, one.doubtful) == (
                other.corners,
                other.name,
                other.score,
                other.doubtful,
            )
    read.write(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "labels.json").read_bytes()


def test_a_foreign_file_survives_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "foreign.json"
    file.write_text(json.dumps(FOREIGN))
    assert read_labels(file).document() == FOREIGN


side = st.floats(0.01, 1e4, allow_nan=False)


@given(
    st.lists(st.tuples(side, side, side, side, st.sampled_from(["x", "y"]), st.none() | st.floats(0, 1)), max_size=5)
)
def test_boxes_are_exact_whatever_their_numbers(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    file = tmp_path_factory.mktemp("labels") / "labels.json"
    boxes = tuple(Box(*row, id=number) for number, row in enumerate(rows, start=1))
    LabelFile((Picture("p.jpg", 10, 10, boxes, 1),)).write(file)
    assert read_labels(file).pictures[0].boxes == boxes


def test_pycocotools_opens_it(tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    LABELS.write(tmp_path / "labels.json")
    with contextlib.redirect_stdout(io.StringIO()):
        opened = coco.COCO(str(tmp_path / "labels.json"))
        found = opened.loadRes([{"image_id": 1, "category_id": 1, "bbox": [10, 20, 100, 200], "score": 0.9}])
        examined = pytest.importorskip("pycocotools.cocoeval").COCOeval(opened, found, "bbox")
        examined.evaluate()
        examined.accumulate()
        examined.summarize()
    assert {c["name"] for c in opened.loadCats(opened.getCatIds())} == {"bottle", "apple"}
    assert opened.loadAnns(opened.getAnnIds(imgIds=[1], iscrowd=True))[0]["bbox"] == [1, 2, 3, 4]
    assert examined.stats[1] == pytest.approx(1.0)  # the crowd box is no miss


def test_sizes_may_be_missing(tmp_path: Path) -> None:
    document = {"images": [{"id": 1, "file_name": "x.jpg"}], "annotations": [], "categories": []}
    (tmp_path / "labels.json").write_text(json.dumps(document))
    assert read_labels(tmp_path / "labels.json").document() == document


def test_label_studio_and_fiftyone_find_what_they_ask_for() -> None:
    """Both read width and height of images; Label Studio fails on an empty `segmentation`."""
    document = LABELS.document()
    assert all({"id", "file_name", "width", "height"} <= set(image) for image in document["images"])
    for annotation in document["annotations"]:
        assert "segmentation" not in annotation
        assert annotation["id"] > 0
        assert annotation["category_id"] > 0


def test_pictures_are_known_again_after_an_upload() -> None:
    ours = ["a/one.jpg", "b/one.jpg", "b/two.jpg", "0123abcd-own.jpg"]
    theirs = ["a/one.jpg", "one.jpg", "images/1a2b3c4d-two.jpg", "0123abcd-own.jpg", "three.jpg"]
    assert matching(theirs, ours) == {
        "a/one.jpg": "a/one.jpg",
        "images/1a2b3c4d-two.jpg": "b/two.jpg",
        "0123abcd-own.jpg": "0123abcd-own.jpg",
    }
    kept = renamed(LabelFile((Picture("x/two.jpg", 1, 1), Picture("three.jpg", 1, 1))), ours)
    assert [picture.file for picture in kept.pictures] == ["b/two.jpg"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", Damaged),
        ("[]", Damaged),
        ('{"images": [], "annotations": [{"image_id": 1}], "categories": []}', Damaged),
        ('{"images": [{"id": 1}], "annotations": [], "categories": []}', Damaged),
        (None, InvalidInput),
    ],
)
def test_other_files_are_refused_by_name(tmp_path: Path, text: str | None, error: type[Exception]) -> None:
    file = tmp_path / "labels.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(error, match=r"labels\.json"):
        read_labels(file)
