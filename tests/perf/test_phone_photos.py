"""Photos of print: the same state gives the same photo, and the print lies in its box."""

from __future__ import annotations

import numpy as np
import pytest

from perf.identify.phone_photos import FRAMES, take_phone_photo


@pytest.mark.parametrize("bends", [False, True])
def test_a_photo_shows_the_print_in_its_box(bends: bool) -> None:
    page = np.full((300, 210, 3), (250, 30, 30), np.uint8)
    ground = np.full((100, 100, 3), 20, np.uint8)
    for seed in range(3):
        photo, box = take_phone_photo(page, np.random.default_rng(seed), ground, bends)
        again, _ = take_phone_photo(page, np.random.default_rng(seed), ground, bends)
        np.testing.assert_array_equal(photo, again)
        height, width = photo.shape[:2]
        assert (width, height) in FRAMES
        assert (box >= -1).all()
        assert (box <= [width + 1, height + 1] * 2).all()
        x, y = int((box[0] + box[2]) / 2), int((box[1] + box[3]) / 2)
        assert photo[y, x, 0] > 2 * photo[2, 2, 0] or photo[2, 2, 0] > 100
