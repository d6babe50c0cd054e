from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from whatsit_client.errors import InvalidInput

from tests.catalogue.crops.conftest import SIZE, THINGS, KnownThings, photo
from whatsit.catalogue.crops.annotations import votes
from whatsit.catalogue.crops.crop_labels import export_crop_labels, label_pictures
from whatsit.catalogue.crops.crop_tasks import crop_box_candidates
from whatsit.catalogue.crops.cropped_pictures import cropped_pictures
from whatsit.catalogue.crops.heat_map import heat_map
from whatsit.catalogue.crops.weak_boxes import Annotations, weak_boxes
from whatsit.catalogue.review.catalogue_review import Review
from whatsit.catalogue.review.task_table import Filled
from whatsit.catalogue.review.verdict_effects import Verdict
from whatsit.catalogue.store.store import Store
from whatsit.evaluation.datasets.label_file import read_labels
from whatsit.vision.boxes import iou

pytest.importorskip("scipy")
NETWORKS: Any = KnownThings()


def test_crops_of_a_photo_sent_often_are_of_one_picture(cropped: Store) -> None:
    first, second = cropped_pictures(cropped)
    assert (len(first.crops), len(second.crops)) == (18, 1)
    assert (first.width, first.height) == SIZE
    assert [one.item for one in first.crops if one.kind == "match"] == ["bottle-1"]


def test_labels_have_boxes_names_and_weights(cropped: Store, tmp_path: Path) -> None:
    report = export_crop_labels(cropped, tmp_path / "out", NETWORKS)
    assert (report.pictures, report.boxes, report.named) == (2, 3, 2)
    labels = read_labels(tmp_path / "out" / "labels.json")
    boxes = labels.pictures[0].boxes
    for thing, name in enumerate(("bottle", "cup")):
        (found,) = (box for box in boxes if box.name == name)
        assert iou(THINGS[thing][None], np.array([found.corners], np.float32))[0, 0] > 0.7
        assert 0.8 < found.weight < 1
    single = labels.pictures[1]
    assert single.background == 0  # one crop: most there may be unseen
    assert (single.boxes[0].name, single.boxes[0].more["crops"]) == ("object", 1)
    for picture in labels.pictures:
        assert (tmp_path / "out" / "pictures" / picture.file).is_file()
        shown = Image.open(tmp_path / "out" / "heat" / f"{Path(picture.file).stem}.png")
        assert max(shown.size) == 900
    assert "bottle" in (tmp_path / "out" / "index.html").read_text()


def test_a_reviewers_boxes_replace_those_of_the_crops(cropped: Store, tmp_path: Path) -> None:
    review = Review(cropped, lambda: 0.0)
    review.tasks.set_share(0.0)
    candidates = list(crop_box_candidates(label_pictures(cropped, NETWORKS), "object"))
    review.tasks.fill("crop_boxes", candidates, Filled(), 0)
    lease = review.leases.lease("crop_boxes", "ann", 9, 60)
    first, second = lease.tasks
    assert first.subject["figures"]["crops"] == 18
    drawn = ({"box": [20, 30, 140, 290], "label": "bottle"},)
    results = review.decisions.decide(
        "crop_boxes", lease.token, "ann", [Verdict(first.task, "boxes", boxes=drawn), Verdict(second.task, "unclear")]
    )
    assert [one.outcome for one in results] == ["decided", "decided"]
    report = export_crop_labels(cropped, tmp_path / "out", NETWORKS)
    assert (report.pictures, report.reviewed, report.refused, report.boxes) == (1, 1, 1, 1)
    (picture,) = read_labels(tmp_path / "out" / "labels.json").pictures
    (box,) = picture.boxes
    assert (box.corners, box.weight, box.name, box.origin) == ((20, 30, 140, 290), 1.0, "bottle", "person")


def test_a_withdrawn_photo_is_gone_from_labels_and_queue(cropped: Store) -> None:
    review = Review(cropped, lambda: 0.0)
    review.tasks.set_share(0.0)
    review.tasks.fill("crop_boxes", crop_box_candidates(label_pictures(cropped, NETWORKS), "object"), Filled(), 0)
    lease = review.leases.lease("crop_boxes", "ann", 9, 60)
    (single,) = (picture for picture in cropped_pictures(cropped) if len(picture.crops) == 1)
    assert cropped.clicks.withdraw(single.path.stem) == single.path
    with cropped.snapshot() as connection:
        for table in ("click_vectors", "click_pictures"):
            query = f"SELECT count(*) FROM {table} WHERE click NOT IN (SELECT click FROM clicks)"
            assert connection.execute(query).fetchone()[0] == 0
    assert len(cropped_pictures(cropped)) == 1
    (result,) = review.decisions.decide(
        "crop_boxes", lease.token, "ann", [Verdict(lease.tasks[1].task, "boxes", boxes=({"box": [1, 1, 9, 9]},))]
    )
    assert result.outcome == "gone"


def test_without_crops_it_says_how_to_get_some(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--collect crops"):
        export_crop_labels(store, tmp_path / "out", NETWORKS)
    assert not (tmp_path / "out").exists()


def test_annotations_are_added_up_over_the_crops() -> None:
    crops = np.tile(THINGS[:1], (3, 1))
    said = [Annotations({"cup": 0.9, "bottle": 0.1}), Annotations({"bottle": 0.9}), Annotations({"bottle": 0.4})]
    (one,) = weak_boxes(crops, SIZE, said).boxes
    assert (one.name, one.name_share) == ("bottle", pytest.approx(1.4 / 2.3))
    (unsure,) = weak_boxes(crops, SIZE, [Annotations({name: 1.0}) for name in "abc"]).boxes
    assert unsure.name == "object"


def test_votes_count_what_is_near() -> None:
    found = votes([("a", 0.9), ("b", 0.6), ("c", 0.2)])
    assert found["a"] > 3 * found["b"]
    assert sum(found.values()) == pytest.approx((0.9 - 0.4) / 0.6)
    assert "c" not in found
    assert votes([("a", 0.1)]) == {}


def test_a_heat_map_counts_the_crops_of_a_place() -> None:
    heat = heat_map(np.array([[0, 0, 200, 320], [100, 0, 300, 320]], np.float32), SIZE, (80, 64))
    assert heat.shape == (64, 80)
    assert heat[32, [10, 30, 50, 70]].tolist() == pytest.approx([0.5, 1.0, 0.5, 0.0])
    assert heat_map(np.zeros((0, 4), np.float32), SIZE, (8, 8)).max() == 0


def test_the_file_is_plain_coco(cropped: Store, tmp_path: Path) -> None:
    export_crop_labels(cropped, tmp_path / "out", NETWORKS)
    document = json.loads((tmp_path / "out" / "labels.json").read_text())
    assert {"bbox", "category_id", "image_id", "iscrowd", "weight", "crops"} <= set(document["annotations"][0])
    assert document["images"][1]["background_weight"] == 0
    assert photo(0) in [one.read_bytes() for one in (tmp_path / "out" / "pictures").iterdir()]
