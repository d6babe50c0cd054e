"""The stage `neighbour_vote`: the category vote of the nearest neighbours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from whatsit_client.errors import InvalidInput

from whatsit.ranking.matches import Matches

NEIGHBOURS = 20
# A neighbour this much below the best has 1/e of its vote, and all votes together are worth as much as this.
SCALE = 0.1


@dataclass(frozen=True)
class NeighbourVote:
    """Re-weight each match by the category distribution of its nearest neighbours.

    The best n matches vote for their category with exp((score - best score) / scale); with v_c the share of all votes
    that category c has, score becomes score + scale * v_c. It is the vote of a k-nearest-neighbour classifier as a
    prior on the category, and lets a category that fills the list pass a lone better match of another. An item without
    a category is a separate category.

    The detector's label and the classifier's tags have no vote: they are Whatsit's names, the categories are the
    merchant's, and no translation between them is stored.

    Args:
        neighbours: n, 1 or more.
        scale: above 0.

    Raises:
        InvalidInput: one of them is out of its range.
    """

    neighbours: int = NEIGHBOURS
    scale: float = SCALE

    def __post_init__(self) -> None:
        if self.neighbours < 1 or not self.scale > 0.0:
            raise InvalidInput(
                f"'neighbour_vote' takes 1 or more neighbours and a scale above 0, not {self.neighbours}, {self.scale}."
            )

    def __call__(self, matches: Matches) -> Matches:
        """Return the re-ranked matches."""
        if not len(matches):
            return matches
        scores = matches.rerank_scores.astype(np.float64)
        voters = np.argsort(-scores, kind="stable")[: self.neighbours]
        votes = np.exp((scores[voters] - scores.max()) / self.scale)
        shares: dict[Hashable, float] = defaultdict(float)
        for i, vote in zip(voters.tolist(), votes / votes.sum(), strict=True):
            shares[matches.categories[i] or i] += float(vote)
        prior = [shares.get(category or i, 0.0) for i, category in enumerate(matches.categories)]
        return matches.rescore(scores + self.scale * np.array(prior))
