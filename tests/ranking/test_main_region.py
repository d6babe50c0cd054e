"""The region that a picture is about."""

from __future__ import annotations

import math

from whatsit.ranking.main_region import WEIGHT, main_region_score


def test_the_formula() -> None:
    for score, area in ((1.5, 1.0), (1.5, 0.25), (0.9, 0.0)):
        assert math.isclose(float(main_region_score(score, area)), score - WEIGHT * (1 - area**0.5), abs_tol=1e-6)
