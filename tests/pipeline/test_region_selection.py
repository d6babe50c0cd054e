"""The embedder's input: the whole picture is not cut twice, and comes out the same."""

from __future__ import annotations

import numpy as np
import pytest

from whatsit.pipeline.decoded_picture import DecodedPicture
from whatsit.pipeline.region_selection import crop_regions
from whatsit.vision.crop import crop_resize
from whatsit.vision.regions import Regions


@pytest.mark.parametrize(("height", "width", "full"), [(300, 400, 400), (768, 1024, 4001), (1, 1, 1), (37, 1024, 2049)])
def test_the_whole_picture_is_taken_as_it_was(height: int, width: int, full: int) -> None:
    pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    tall = round(height * full / width)
    box = np.array([[0.2 * full, 0.1 * tall, 0.7 * full, 0.9 * tall]], np.float32)
    regions = Regions.whole(full, tall).plus(box, np.ones(1, np.float32), ["cup"])
    expected = np.stack([crop_resize(pixels, one) for one in regions.boxes * (width / full)])
    assert np.array_equal(crop_regions(DecodedPicture(pixels, full, tall), regions), expected)


def test_only_the_whole_picture_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    box = np.array([[0, 0, 400, 280]], np.float32)
    regions = Regions.whole(400, 300).plus(box, np.ones(1, np.float32), ["cup"])
    marked = np.full((3, 224, 224), 7, np.uint8)
    cut = crop_regions(DecodedPicture(pixels, 400, 300, marked), regions)
    assert np.array_equal(cut[0], marked)
    assert np.array_equal(cut[1], crop_resize(pixels, box[0]))
