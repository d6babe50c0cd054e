"""The stage `geometry`: geometric verification of local features."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from whatsit_client.errors import InvalidInput

from whatsit.ranking.matches import Matches, join
from whatsit.ranking.verification import Agreement, verify

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
SECONDS = 0.1


@dataclass(frozen=True)
class Geometry:
    """Verify the best matches by vector and by visual words.

    Candidates are the first `CANDIDATES` matches and as many items by visual words, best first from both in turn.
    Each candidate's pictures that share most words with the region are compared with it (see `inliers`). With i
    inliers, fewer than `FEWEST` count as none, score becomes score + weight * min(i, `MOST`). The
    score of the vector still counts, because variants of a line share most of their print. An item of the
    second shortlist that is no match by its vector becomes one where it has `PROOF` inliers, whatever its score.

    Without local features on either side nothing happens. After `seconds` the remaining candidates stay unverified.

    Args:
        weight: of an inlier, 0 or more.
        candidates: of each shortlist, 1 or more.
        seconds: above 0, of processor time for one region: load elsewhere does not change what is found.

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
        by_words = context.by_words(self.candidates)
        joined = join(matches, by_words)
        best = joined.numbers[
            np.argsort(-joined.rerank_scores[: len(matches)], kind="stable")[: self.candidates]
        ].tolist()
        second = by_words.numbers.tolist()
        turns = [number for pair in _in_turn(best, second) for number in pair]
        verified = dict.fromkeys(joined.numbers.tolist(), Agreement())
        for number in dict.fromkeys(turns):
            if time.thread_time() > deadline:
                break
            pictures = context.pictures(number, PICTURES)
            agreements = (verify(context.features, picture) for picture in pictures)
            verified[number] = max(agreements, key=lambda one: one.inliers, default=Agreement())
        return self._rescored(joined, len(matches), list(verified.values()))

    def _rescored(self, joined: Matches, near: int, agreements: Sequence[Agreement]) -> Matches:
        """Return the matches that are near by vector or proved, with evidence."""
        found = np.array([one.inliers for one in agreements], dtype=np.int64)
        spread = np.array([one.spread for one in agreements], dtype=np.float32)
        chance = found < FEWEST
        found[chance], spread[chance] = 0, 0.0
        kept = np.flatnonzero((np.arange(len(joined)) < near) | (found >= PROOF))
        verified = joined.with_inliers(found, spread).take(kept)
        bonus = self.weight * np.minimum(found[kept], MOST)
        return verified.rescore(verified.rerank_scores.astype(np.float64) + bonus)


def _in_turn(first: list[int], second: list[int]) -> list[list[int]]:
    """Return the elements of both lists in turn, in groups of one or two."""
    longest = max(len(first), len(second))
    return [[*first[i : i + 1], *second[i : i + 1]] for i in range(longest)]
