"""The stage `geometry`: geometric verification of local features."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from whatsit_client.errors import InvalidInput

from whatsit.ranking.matches import Matches, SearchContext, join
from whatsit.ranking.verification import Agreement, verify_all

# Per shortlist. Further pictures of an item seldom add inliers and always add time.
CANDIDATES = 10
PICTURES = 2
# 99 of 100 photos of fruit have at most 5 with any picture that is not theirs: fewer than 6 are chance.
FEWEST = 6
# Inliers that admit an item whose score is below the threshold.
PROOF = 12
# The largest weight on trial that cost none of 100 grocery train photos of packages, which the vectors all find.
WEIGHT = 0.005
MOST = 100
# What print proves is before what only looks alike: vectors of a photo and of a cover differ by less than this.
PROVED = 0.5
SECONDS = 0.1


# Candidates that are compared at once, those with most votes first.
AT_ONCE = 6
# So many inliers leave no doubt; where the rest have half of them at most, nothing behind them is compared.
SURE = 30


@dataclass(frozen=True)
class Geometry:
    """Verify the best matches by vector and by visual words.

    Candidates are the first `CANDIDATES` matches and as many items by visual words, those that share most words first.
    Each candidate's pictures that share most words with the region are compared with it (see `verify_all`). With i
    inliers, fewer than `FEWEST` count as none, score becomes score + weight * min(i, `MOST`), and `PROVED` more where
    i is at least `PROOF` and half of the best item's. Among those the score of the vector still counts, because
    variants of a line share most of their print. An item of the second shortlist that is no match by its vector
    becomes one where it has `PROOF` inliers, whatever its score.

    Without local features on either side nothing happens. After `seconds`, or when one candidate is beyond doubt (see
    `SURE`), the remaining ones stay unverified; the first `AT_ONCE` are always compared.

    Args:
        weight: of an inlier, 0 or more.
        candidates: of each shortlist, 1 or more.
        seconds: above 0, of this thread's processor time for one region. A library that computes on several threads may
            spend some of it waiting on a busy machine, which is why the first candidates do not depend on it.

    Raises:
        InvalidInput: one of them is out of its range.
    """

    weight: float = WEIGHT
    candidates: int = CANDIDATES
    seconds: float = SECONDS

    def __post_init__(self) -> None:
        if not self.weight >= 0.0 or self.candidates < 1 or not self.seconds > 0.0:
            raise InvalidInput(
                f"'geometry' takes a weight from 0, 1 or more candidates and a time above 0, not {self.weight}, "
                f"{self.candidates}, {self.seconds}."
            )

    def __call__(self, matches: Matches) -> Matches:
        """Return the matches with inliers, rescored."""
        context = matches.search_context
        if not len(context.features):
            return matches
        deadline = time.thread_time() + self.seconds
        # The second half only says in which order the candidates by vector are compared.
        by_words = context.by_words(2 * self.candidates)
        joined = join(matches, by_words.first(self.candidates))
        order = {number: place for place, number in enumerate(by_words.numbers.tolist())}
        best = np.argsort(-joined.rerank_scores[: len(matches)], kind="stable")[: self.candidates]
        chosen = dict.fromkeys([*by_words.first(self.candidates).numbers.tolist(), *joined.numbers[best].tolist()])
        turns = sorted(chosen, key=lambda number: order.get(number, len(order)))
        verified = _verified(context, turns, deadline)
        return self._rescored(joined, len(matches), [verified.get(n, Agreement()) for n in joined.numbers.tolist()])

    def _rescored(self, joined: Matches, near: int, agreements: Sequence[Agreement]) -> Matches:
        """Return the matches that are near by vector or proved, with evidence."""
        found = np.array([one.inliers for one in agreements], dtype=np.int64)
        spread = np.array([one.spread for one in agreements], dtype=np.float32)
        chance = found < FEWEST
        found[chance], spread[chance] = 0, 0.0
        kept = np.flatnonzero((np.arange(len(joined)) < near) | (found >= PROOF))
        verified = joined.with_inliers(found, spread).take(kept)
        found = found[kept]
        proved = (found >= PROOF) & (2 * found >= found.max(initial=0))
        bonus = self.weight * np.minimum(found, MOST) + PROVED * proved * (self.weight > 0)
        return verified.rescore(verified.rerank_scores.astype(np.float64) + bonus)


def _verified(context: SearchContext, turns: Sequence[int], deadline: float) -> dict[int, Agreement]:
    """Return the best agreement of each candidate that was compared, in turn."""
    found: dict[int, Agreement] = {}
    for start in range(0, len(turns), AT_ONCE):
        if found and time.thread_time() > deadline:
            break
        numbers = turns[start : start + AT_ONCE]
        pictures = [context.pictures(number, PICTURES) for number in numbers]
        agreements = iter(verify_all(context.features, [picture for some in pictures for picture in some]))
        for number, some in zip(numbers, pictures, strict=True):
            own = [next(agreements) for _ in some]
            found[number] = max(own, key=lambda one: one.inliers, default=Agreement())
        counts = sorted((one.inliers for one in found.values()), reverse=True)
        if counts[0] >= SURE and all(2 * count <= counts[0] for count in counts[1:]):
            break
    return found
