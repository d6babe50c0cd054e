"""Covers: the same number is the same cover, editions share their photograph, covers differ."""

from __future__ import annotations

import numpy as np

from whatsit.rendering.printed_covers import EDITION_EVERY, STUDIOS, draw_cover, photograph_of

PHOTOGRAPH = np.random.default_rng(0).integers(0, 255, (120, 160, 3)).astype(np.uint8)


def test_a_cover_is_drawn_again_alike_and_differs_from_others_of_its_studio() -> None:
    one = draw_cover(PHOTOGRAPH, 3, 1, 240)
    assert one.shape == (240, 168, 3)
    np.testing.assert_array_equal(one, draw_cover(PHOTOGRAPH, 3, 1, 240))
    other = draw_cover(PHOTOGRAPH, 3 + STUDIOS, 1, 240)
    assert 0.0 < (one != other).any(axis=2).mean() < 0.5  # the words alone


def test_an_edition_has_the_photograph_of_the_cover_before() -> None:
    numbers = list(range(2 * EDITION_EVERY))
    shared = [number for number in numbers if photograph_of(number) != number]
    assert shared == [EDITION_EVERY - 1, 2 * EDITION_EVERY - 1]
    assert photograph_of(EDITION_EVERY - 1) == EDITION_EVERY - 2
