"""Choice of the regions that are compared point by point."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from whatsit.ranking.matches import Matches
from whatsit.ranking.print_regions import choose_prints


@dataclass(frozen=True)
class Region:
    """SearchContext that remembers whether its features were wanted."""

    texture: int = 500
    area: float = 1.0
    score: float = 1.0
    wanted: bool | None = None

    def with_features(self, wanted: bool) -> Region:
        return replace(self, wanted=wanted)


def chosen(*regions: tuple[list[float], Region]) -> list[int]:
    matches = [
        Matches(np.arange(len(scores)), np.array(scores, np.float32), ("",) * len(scores), context=region)  # type: ignore[arg-type]  # a test needs only what is asked
        for scores, region in regions
    ]
    found = [one.context.wanted for one in choose_prints(matches)]  # type: ignore[union-attr]
    return [i for i, wanted in enumerate(found) if wanted]


LARGE, SMALL = Region(area=0.6, score=0.8), Region(area=0.02, score=0.8)


@pytest.mark.parametrize(
    ("scores", "texture", "taken"),
    [
        ([1.5, 1.2], 500, False),  # clear
        ([1.4], 500, False),
        ([1.5, 1.45], 500, True),  # close
        ([1.5, 1.49], 80, True),  # look-alikes need less texture
        ([1.5, 1.49], 20, False),
        ([1.0, 0.99], 80, False),  # far from both
        ([1.1], 80, False),
        ([1.1], 500, True),
        ([], 500, True),  # print may find what the vector misses
        ([], 80, False),
    ],
)
def test_doubt_and_texture_decide(scores: list[float], texture: int, taken: bool) -> None:
    assert bool(chosen((scores, Region(texture)))) == taken


def test_one_region_is_compared_the_look_alikes_first() -> None:
    assert chosen(([1.1], Region()), ([1.1], LARGE), ([1.1], SMALL)) == [1]
    assert chosen(([1.1], Region()), ([1.1], LARGE), ([1.2, 1.19], SMALL)) == [2]
    assert chosen(([1.1], Region()), ([1.1], SMALL)) == [0]


def test_a_large_clear_region_answers_for_the_picture() -> None:
    assert chosen(([1.1], Region()), ([1.5], LARGE)) == []
    assert chosen(([1.1], Region()), ([1.5], SMALL)) == [0]
