"""The stage `learned`: the probability that a match is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whatsit.ranking.matches import Floats, Matches
from whatsit.ranking.neighbour_vote import NEIGHBOURS, SCALE

FEATURES = (
    "rank",  # the score; trained rankers on disk name it so
    "ahead_of_best_other",
    "below_best",
    "above_mean",
    "category_share",
    "reciprocal_margin",
    "log_inliers",
    "log_inliers_ahead_of_best_other",
    "has_texture",
    "region_area",
    "region_score",
)
# The score that a lone match is compared with.
_NOTHING = 0.0
_CLOSEST = 10

Doubles = npt.NDArray[np.float64]
Scorer = Callable[[Floats], Floats]


def features(matches: Matches) -> Floats:
    """Return the features of each match, f32 [K,11], in the order of `FEATURES`.

    ahead_of_best_other and below_best compare an item's score with the best of the others and of all; above_mean with
    the mean of the first ten. category_share is what `NeighbourVote` gives the item's category. reciprocal_margin is
    how much nearer the item's vector is to the query than to any of the first ten other matches; it is negative where
    another match is nearer. Inliers are 0 where `geometry` did not run before.
    """
    context = matches.search_context
    scores = matches.scores.astype(np.float64)
    inliers = np.zeros(len(matches)) if matches.inliers is None else matches.inliers.astype(np.float64)
    logs = np.log1p(inliers)
    closest = np.argsort(-scores, kind="stable")[:_CLOSEST]
    columns = (
        scores,
        scores - _best_other(scores),
        scores - scores.max(initial=0.0),
        scores - (scores[closest].mean() if len(closest) else 0.0),
        _category_shares(matches, scores),
        _reciprocal_margins(matches, scores, closest),
        logs,
        logs - _best_other(logs),
        np.full(len(matches), float(len(context.features) > 0)),
        np.full(len(matches), context.area),
        np.full(len(matches), context.score),
    )
    return np.asarray(np.stack(columns, axis=1), dtype=np.float32)


@dataclass(frozen=True)
class Learned:
    """Order matches by their calibrated probability, the answer's confidence.

    Args:
        score: f32 [K,11] as `features` gives them -> probabilities f32 [K].
    """

    score: Scorer

    def __call__(self, matches: Matches) -> Matches:
        """Return the re-ranked matches."""
        if not len(matches):
            return matches
        return matches.with_confidences(np.clip(self.score(features(matches)), 0.0, 1.0).astype(np.float32))


def _best_other(values: Doubles) -> Doubles:
    """Return for each position the highest value at any other."""
    if len(values) < 2:
        return np.full(len(values), _NOTHING)
    order = np.argsort(-values, kind="stable")
    best = np.full(len(values), values[order[0]])
    best[order[0]] = values[order[1]]
    return best


def _category_shares(matches: Matches, scores: Doubles) -> Doubles:
    """Return the share of votes of each match's category; 0 without a category."""
    voters = np.argsort(-scores, kind="stable")[:NEIGHBOURS]
    votes = np.exp((scores[voters] - scores.max(initial=0.0)) / SCALE)
    categories = np.array(matches.categories, dtype=object)
    shares = [
        float(votes[categories[voters] == category].sum() / votes.sum()) if category else 0.0
        for category in matches.categories
    ]
    return np.array(shares, dtype=np.float64)


def _reciprocal_margins(matches: Matches, scores: Doubles, closest: npt.NDArray[np.intp]) -> Doubles:
    """Return distance to the nearest other match less that to the query.

    It is 0 for all but the closest matches."""
    margins = np.zeros(len(matches))
    if len(closest) > 1:
        vectors = matches.search_context.vectors(matches.numbers[closest]).astype(np.float64)
        gaps = np.sqrt(np.maximum(2.0 - 2.0 * vectors @ vectors.T, 0.0))
        np.fill_diagonal(gaps, np.inf)
        margins[closest] = gaps.min(axis=1) - (2.0 - scores[closest])
    return margins
