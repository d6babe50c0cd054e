"""Reciprocal rank fusion of two orders."""

from __future__ import annotations

import numpy as np

from whatsit.ranking.matches import Matches, Numbers, join

# The paper's constant.
SMOOTHING = 60


def fuse(matches: Matches, found: Matches, order: Numbers) -> Matches:
    """Fuse the visual order with another one.

    Source: Cormack, Clarke and Buettcher 2009, Reciprocal rank fusion.

    An item at position p of a list gets 1/(60 + p), 0 where the list lacks it; the sums order the items.
    Scores keep their scale: the best item has the best score there was, the second the second best.

    Args:
        matches: in the order that the stages left.
        found: the items of the other order with their scores, in any order; those that `matches` lacks join it.
        order: int64, item numbers, best first.
    """
    joined = join(matches, found)
    if not len(joined):
        return joined
    places = {number: place for place, number in enumerate(order.tolist(), start=1)}
    fused = np.zeros(len(joined))
    fused[: len(matches)] = 1.0 / (SMOOTHING + np.arange(1, len(matches) + 1))
    for i, number in enumerate(joined.numbers.tolist()):
        if number in places:
            fused[i] += 1.0 / (SMOOTHING + places[number])
    by_fused = joined.take(np.argsort(-fused, kind="stable"))
    return by_fused.rescore(-np.sort(-joined.rerank_scores.astype(np.float64)))
