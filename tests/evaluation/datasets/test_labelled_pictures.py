import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from whatsit_client.errors import Damaged, InvalidInput

from whatsit.evaluation.datasets.label_file import Box, LabelFile, Picture, read_labels
from whatsit.evaluation.datasets.labelled_pictures import LabelledPicture, read_coco, write_coco
from whatsit.evaluation.datasets.yolo_labels import read_coco_scenes
from whatsit.models.product_labels import NO_PRODUCT, UNKNOWN, product_label


def picture(path, boxes=(), labels=(), doubtful=()):
    as_boxes = [np.array(rows, dtype=np.float32).reshape(-1, 4) for rows in (boxes, doubtful)]
    return LabelledPicture(path, as_boxes[0], np.array(labels, dtype=np.int64), as_boxes[1])


def test_coco_json_round_trip(tmp_path):
    given = [
        picture(tmp_path / "a/1.jpg", [[1, 2, 11, 22], [0, 0, 5, 5]], [product_label("can"), UNKNOWN], [[3, 3, 9, 9]]),
        picture(tmp_path / "b.jpg", [[4, 4, 8, 8]], [NO_PRODUCT]),
        picture(tmp_path / "c.jpg"),
    ]
    write_coco(tmp_path / "boxes.json", tmp_path, given)
    back = read_coco(tmp_path / "boxes.json", tmp_path)
    assert [p.path for p in back] == [p.path for p in given]
    for one, other in zip(back, given, strict=True):
        np.testing.assert_allclose(one.boxes, other.boxes, atol=0.01)
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_allclose(one.doubtful, other.doubtful, atol=0.01)


def test_a_foreign_category_and_a_broken_file_are_named(tmp_path):
    file = tmp_path / "boxes.json"
    file.write_text(json.dumps({"images": [], "annotations": [], "categories": [{"id": 1, "name": "spaceship"}]}))
    with pytest.raises(InvalidInput, match="spaceship"):
        read_coco(file, tmp_path)
    file.write_text("{")
    with pytest.raises(Damaged, match="boxes.json"):
        read_coco(file, tmp_path)
    with pytest.raises(InvalidInput, match="none.json"):
        read_coco(tmp_path / "none.json", tmp_path)


def test_yolo_text_with_cocos_classes(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    for name in ("a", "b"):
        cv2.imwrite(str(tmp_path / "images" / f"{name}.jpg"), np.zeros((50, 100, 3), dtype=np.uint8))
    (tmp_path / "labels" / "a.txt").write_text("39 0.5 0.5 0.2 0.4\n0 0.1 0.2 0.2 0.4\n1 0.1 0.2 0.2 0.4\n")
    (tmp_path / "labels" / "b.txt").write_text("")
    pictures = read_coco_scenes(tmp_path)
    assert [p.path.name for p in pictures] == ["a.jpg", "b.jpg"]
    np.testing.assert_allclose(pictures[0].boxes, [[40, 15, 60, 35], [0, 0, 20, 20], [0, 0, 20, 20]], atol=1e-4)
    assert pictures[0].labels.tolist() == [product_label("bottle"), UNKNOWN, NO_PRODUCT]
    assert pictures[1].boxes.shape == (0, 4)
    with pytest.raises(InvalidInput, match="no pictures"):
        read_coco_scenes(tmp_path / "nowhere")


def test_weights_of_boxes_and_background_are_kept(tmp_path: Path) -> None:
    boxes = (Box(1, 2, 30, 40, "cup", weight=0.25), Box(5, 5, 9, 9, "cup"))
    LabelFile((Picture("a.jpg", 100, 80, boxes, background=0.5), Picture("b.jpg", 100, 80))).write(tmp_path / "l.json")
    first, second = read_labels(tmp_path / "l.json").pictures
    assert ([box.weight for box in first.boxes], first.background, second.background) == ([0.25, 1.0], 0.5, 1.0)
    picture = LabelledPicture.of(first, tmp_path / "a.jpg", lambda name: 1)
    assert (picture.box_weights().tolist(), picture.background) == ([0.25, 1.0], 0.5)
    document = json.loads((tmp_path / "l.json").read_text())
    assert "weight" not in document["annotations"][1]
    document["annotations"][0]["weight"] = -1
    (tmp_path / "l.json").write_text(json.dumps(document))
    with pytest.raises(Damaged, match="weight is -1"):
        read_labels(tmp_path / "l.json")
