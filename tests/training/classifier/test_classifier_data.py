"""The classifier's views: reproducible, photos and compositions in turn."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from whatsit.evaluation.datasets.labelled_pictures import read_rgb
from whatsit.evaluation.datasets.tagged_pictures import TaggedPicture
from whatsit.training.classifier.data import ClassifierViews


@pytest.fixture
def views(tmp_path: Path) -> ClassifierViews:
    made = []
    rows = [("imagenet", "other", "pet"), ("imagenet", "other", "building"), ("clothing", "apparel", "dress")]
    for index, (group, intent, tag) in enumerate(rows):
        path = tmp_path / f"{index}.png"
        cv2.imwrite(str(path), np.full((64, 64, 3), 60 * index + 40, np.uint8))
        made.append(TaggedPicture(path, group, intent, tag))
    return ClassifierViews(made, seed=7, size=64)


def test_view_0_is_the_picture_itself(views: ClassifierViews) -> None:
    view = views.view(0, 1)
    np.testing.assert_array_equal(view.pixels, read_rgb(views.pictures[1].path).transpose(2, 0, 1))
    assert view.source == "photo"


def test_every_other_view_is_composed_around_a_photo(views: ClassifierViews) -> None:
    for number in range(6):
        view = views.view(number, 2)
        assert (view.source != "photo") == (number in {2, 4})
        assert view.pixels.shape == view.photo.shape == (3, 64, 64)
        assert np.array_equal(view.pixels, view.photo) == (view.source == "photo")


def test_a_view_does_not_depend_on_what_was_asked_before(views: ClassifierViews) -> None:
    first = views.view(2, 0)
    views.view(1, 1)
    again = views.view(2, 0)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert first.source == again.source
    assert not np.array_equal(first.pixels, views.view(4, 0).pixels)
