"""The region that a picture is about."""

from __future__ import annotations

import math

import numpy as np

from whatsit.ranking.answer import answer
from whatsit.ranking.main_region import WEIGHT, main_region_score
from whatsit.ranking.matches import Matches


def one(number: int, score: float) -> Matches:
    return Matches(np.array([number], np.int64), np.array([score], np.float32), ("",))


RECORDS = {n: {"id": f"item-{n}", "title": "", "brand": "", "category": "", "image": ""} for n in (1, 2)}


def test_the_formula() -> None:
    for score, area in ((1.5, 1.0), (1.5, 0.25), (0.9, 0.0)):
        assert math.isclose(float(main_region_score(score, area)), score - WEIGHT * (1 - area**0.5), abs_tol=1e-6)


def test_a_corner_needs_a_clearly_better_match_to_speak_for_the_picture() -> None:
    slightly = answer([one(1, 1.40), one(2, 1.45)], RECORDS, 1.08, [1.0, 0.04])
    clearly = answer([one(1, 1.20), one(2, 1.60)], RECORDS, 1.08, [1.0, 0.04])
    assert (slightly.region, slightly.ids) == (0, ("item-1",))
    assert (clearly.region, clearly.ids) == (1, ("item-2",))


def test_an_answer_needs_its_rank_whatever_the_area() -> None:
    assert not answer([one(1, 1.0)], RECORDS, 1.08, [1.0]).found
    assert answer([one(1, 1.0), one(2, 1.1)], RECORDS, 1.08, [1.0, 0.01]).region == 1
