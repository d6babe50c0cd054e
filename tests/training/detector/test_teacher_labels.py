import cv2
import numpy as np
import pytest

from whatsit.models.product_labels import UNKNOWN, product_label
from whatsit.models.yolox import COCO_NAMES, Detections
from whatsit.training.detector.teacher_labels import teach

CARTON, TOP = product_label("carton"), product_label("top")


class Teacher:
    """Says what it was told to say."""

    def __init__(self, *found):
        self.found = found

    def detect(self, pixels, min_score):
        boxes = np.array([box for box, _, _ in self.found], dtype=np.float32).reshape(-1, 4)
        scores = np.array([score for _, score, _ in self.found], dtype=np.float32)
        labels = np.array([COCO_NAMES.index(name) for _, _, name in self.found], dtype=np.int64)
        return Detections(boxes, scores, labels)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), np.zeros((100, 100, 3), dtype=np.uint8))
    return path


def one(photo, label, *found):
    (picture,) = teach([(photo, label)], Teacher(*found))
    return picture


def test_in_a_scene_the_teachers_classes_count(photo):
    cup, unsure, person = ([0, 0, 40, 40], 0.6, "cup"), ([50, 50, 90, 90], 0.15, "dog"), ([0, 0, 90, 90], 0.5, "person")
    picture = one(photo, None, cup, person, unsure)
    assert picture.labels.tolist() == [product_label("cup"), UNKNOWN]
    np.testing.assert_array_equal(picture.doubtful, [[50, 50, 90, 90]])


def test_the_large_box_of_a_product_photo_takes_its_label_and_the_hand_is_doubtful(photo):
    picture = one(photo, CARTON, ([10, 10, 60, 90], 0.5, "bottle"), ([0, 50, 50, 100], 0.7, "person"))
    assert picture.labels.tolist() == [CARTON]
    np.testing.assert_array_equal(picture.doubtful, [[0, 50, 50, 100]])


def test_a_garment_laid_flat_may_look_like_a_person(photo):
    picture = one(photo, TOP, ([10, 10, 90, 90], 0.5, "person"))
    assert picture.labels.tolist() == [TOP]


def test_where_the_teacher_sees_nothing_the_centre_stands_in(photo):
    picture = one(photo, CARTON, ([0, 0, 10, 10], 0.4, "bottle"))
    assert picture.labels.tolist() == [UNKNOWN, CARTON]
    np.testing.assert_allclose(picture.boxes[1], [10, 10, 90, 90], atol=1e-4)
