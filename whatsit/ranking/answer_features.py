"""Evidence for an answer: features of each region's first match."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from whatsit.ranking.main_region import main_region_score
from whatsit.ranking.matches import Floats, Matches

ANSWER_FEATURES = (
    "score",
    "margin",
    "above_mean",
    "log_inliers",
    "log_inliers_margin",
    "spread",
    "region_side",
    "region_score",
    "whole_picture",
    "score_in_whole",
    "margin_in_whole",
    "support",
    "rival",
    "category_share",
)
# Matches below this are never looked at: the server's limit of a match.
FLOOR = 0.9
_CLOSEST = 10
_VOTE_SCALE = 0.1


def answer_features(regions: Sequence[Matches], floor: float = FLOOR) -> Floats:
    """Return the features of each region's first match, f32 [N, 14].

    They are in the order of `ANSWER_FEATURES`.

    A region without matches has a row of zeros. `score` is that of the first match s, `margin` is s less the best
    score of any other item in the region, `above_mean` s less the mean of the first ten; where there are fewer,
    `floor` stands for the rest, since they lie below it, and none counts as less than `FLOOR`. Inliers and their
    `spread` are 0 where `geometry` did not run: print that agrees is evidence, print that was not found is none,
    since fruit and garments have none that lasts. `score_in_whole` is the item's score in region 0, `margin_in_whole`
    how far it is ahead there. `support` is the share of the other regions, weighed by their sides, whose first match
    is the same item; `rival` is how much better the best other region with another item counts as the main one.
    `category_share` is the share of the votes that the item's category has among the matches.

    The reciprocal margin, the density of the catalogue around the item and the score in standard deviations of the
    list were tried as well: they read vectors, and made strangers no rarer (`perf/results/answers.md`).

    Args:
        regions: one `Matches` per region after all stages, region 0 first.
        floor: matches below it are not in the lists, 0..2.
    """
    floor = max(floor, FLOOR)
    found = np.zeros((len(regions), len(ANSWER_FEATURES)), dtype=np.float32)
    firsts = np.array([int(matches.numbers[0]) if len(matches) else -1 for matches in regions])
    sides = np.array([_side(matches) for matches in regions])
    mains = np.array(
        [
            float(main_region_score(float(matches.scores[0]), side**2)) if len(matches) else 0.0
            for matches, side in zip(regions, sides, strict=True)
        ]
    )
    for row, matches in enumerate(regions):
        if not len(matches):
            continue
        others = np.arange(len(regions)) != row
        same, against = others & (firsts == firsts[row]), others & (firsts != firsts[row]) & (mains > 0)
        found[row] = (
            *_score_features(matches, floor),
            *_print_features(matches),
            sides[row],
            matches.context.score if matches.context else 1.0,
            float(row == 0),
            *_in_list(regions[0], int(firsts[row]), floor),
            float(sides[same].sum() / max(sides[others].sum(), 1e-6)),
            float(max(mains[against].max(initial=0.0) - mains[row], -0.5)),
            _category_share(matches),
        )
    return found


def _side(matches: Matches) -> float:
    return float(np.sqrt(max(matches.context.area, 0.0))) if matches.context else 1.0


def _score_features(matches: Matches, floor: float) -> tuple[float, float, float]:
    score, others = float(matches.scores[0]), np.sort(matches.scores[1:].astype(np.float64))[::-1]
    padded = np.full(max(_CLOSEST - 1, len(others)), floor)
    padded[: len(others)] = np.maximum(others, FLOOR)
    return score, score - float(padded[0]), score - float(padded[: _CLOSEST - 1].mean())


def _print_features(matches: Matches) -> tuple[float, float, float]:
    """Return the inliers' logarithm, its lead over other items, and the spread."""
    if matches.inliers is None:
        return 0.0, 0.0, 0.0
    logs = np.log1p(matches.inliers.astype(np.float64))
    spread = 0.0 if matches.spread is None else float(matches.spread[0])
    return float(logs[0]), float(logs[0] - logs[1:].max(initial=0.0)), spread


def _in_list(matches: Matches, number: int, floor: float) -> tuple[float, float]:
    """Return an item's score in a list, and how far it is ahead of all others there."""
    own = matches.numbers == number
    score = float(matches.scores[own].max(initial=floor))
    return score, score - float(matches.scores[~own].max(initial=floor))


def _category_share(matches: Matches) -> float:
    category = matches.categories[0]
    if not category:
        return 0.0
    gaps: npt.NDArray[np.float64] = matches.scores.astype(np.float64) - float(matches.scores[0])
    votes = np.exp(gaps / _VOTE_SCALE)
    same = np.array([other == category for other in matches.categories])
    return float(votes[same].sum() / votes.sum())
