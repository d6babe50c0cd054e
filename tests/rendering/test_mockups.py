"""Composed screenshots and advertisements show the photo and are the same for the same generator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from whatsit.rendering.mockups import compose_advertisement, compose_screenshot

COLOUR = (12, 200, 77)


@pytest.mark.parametrize("compose", [compose_advertisement, compose_screenshot])
def test_shows_the_photo_whatever_its_shape(compose: Callable[..., np.ndarray]) -> None:
    for seed in range(25):
        height, width = ((120, 90), (8, 300), (200, 200))[seed % 3]
        photo = np.full((height, width, 3), COLOUR, np.uint8)
        picture = compose([photo], np.random.default_rng(seed))
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert min(picture.shape[:2]) >= 150
        seen = (np.abs(picture.astype(int) - COLOUR).max(axis=2) < 8).mean()
        assert seen > (0.01 if height == 8 else 0.08), seed
        assert seen < 0.95, seed


@pytest.mark.parametrize("compose", [compose_advertisement, compose_screenshot])
def test_same_generator_same_picture(compose: Callable[..., np.ndarray]) -> None:
    photos = [np.full((60, 80, 3), value, np.uint8) for value in (30, 200)]
    first, again, other = (compose(photos, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or (first != other).any()
