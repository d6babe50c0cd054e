"""`rank`: a distance becomes a rank, and what is too far away is no match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.ranking.matches import Matches, Surroundings

MIN_RANK = 1.08


@dataclass(frozen=True)
class Rank:
    """Drop what is below `min_rank` and order the rest by rank, best first; equal ranks keep their order.

    Args:
        min_rank: 0..2.

    Raises:
        InvalidInput: it is outside 0..2.
    """

    min_rank: float = MIN_RANK

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_rank <= 2.0:
            raise InvalidInput(f"min_rank lies within 0..2, not {self.min_rank}.")

    def __call__(self, matches: Matches) -> Matches:
        """Run the stage."""
        order = np.argsort(-matches.ranks, kind="stable")
        # The float32 nearest to the threshold, so that a rank of exactly 1.08 stays.
        return matches.take(order[matches.ranks[order] >= np.float32(self.min_rank)])


def match(
    distances: npt.NDArray[np.float32],
    numbers: npt.NDArray[np.int64],
    categories: Sequence[str],
    min_rank: float = MIN_RANK,
    around: Surroundings | None = None,
) -> Matches:
    """Turn one row of a search into matches: rank = 2 - distance.

    Args:
        distances: f32 [K], L2 between unit vectors, 0..2.
        numbers: int64 [K], item numbers, -1 where the row is padded.
        categories: K names, "" where an item has none (or the row is padded).
        min_rank: what is below is dropped.
        around: for stages that need vectors.
    """
    numbers = np.asarray(numbers, dtype=np.int64)
    real = np.flatnonzero(numbers >= 0)
    ranks = np.clip(2.0 - np.asarray(distances, dtype=np.float32)[real], 0.0, 2.0).astype(np.float32)
    return Rank(min_rank)(Matches(numbers[real], ranks, tuple(categories[i] for i in real), around=around))
