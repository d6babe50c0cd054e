"""The stage `score`: similarity from distance, with a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.ranking.matches import Matches, SearchContext

# Defaults of the server, as model_repository/retrieval/config.pbtxt has them: of a match, and of an answer.
MATCH_SCORE = 0.9
MIN_SCORE = 1.08


@dataclass(frozen=True)
class Score:
    """Drop matches below `min_score` and order the rest by score.

    Equal scores keep their order.

    Args:
        min_score: 0..2.

    Raises:
        InvalidInput: it is outside 0..2.
    """

    min_score: float = MIN_SCORE

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_score <= 2.0:
            raise InvalidInput(f"min_score lies within 0..2, not {self.min_score}.")

    def __call__(self, matches: Matches) -> Matches:
        """Return the re-ranked matches."""
        order = np.argsort(-matches.scores, kind="stable")
        # The float32 nearest to the threshold, so that a score of exactly 1.08 stays.
        return matches.take(order[matches.scores[order] >= np.float32(self.min_score)])


def match(
    distances: npt.NDArray[np.float32],
    numbers: npt.NDArray[np.int64],
    categories: Sequence[str],
    min_score: float = MIN_SCORE,
    context: SearchContext | None = None,
) -> Matches:
    """Return the matches of one search row, score = 2 - distance.

    Args:
        distances: f32 [K], L2 between unit vectors, 0..2.
        numbers: int64 [K], item numbers, -1 where the row is padded.
        categories: K names, "" where an item has none (or the row is padded).
        min_score: matches below are dropped.
        context: for stages that need vectors.
    """
    numbers = np.asarray(numbers, dtype=np.int64)
    real = np.flatnonzero(numbers >= 0)
    scores = np.clip(2.0 - np.asarray(distances, dtype=np.float32)[real], 0.0, 2.0).astype(np.float32)
    return Score(min_score)(Matches(numbers[real], scores, tuple(categories[i] for i in real), context=context))
