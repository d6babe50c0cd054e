"""Two orders of the same things become one: reciprocal rank fusion."""

from __future__ import annotations

import numpy as np

from whatsit.ranking.matches import Matches, Numbers, join

# The paper's constant: how far down a list a place still counts.
SMOOTHING = 60


def fuse(matches: Matches, found: Matches, order: Numbers) -> Matches:
    """Join the visual order with another one (Cormack, Clarke and Buettcher 2009).

    An item at position p of a list has 1/(60 + p) from it, nothing where the list lacks it; the sums order the items.
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
