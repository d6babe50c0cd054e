"""The stage `query_expansion`: alpha query expansion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from whatsit_client.errors import InvalidInput

from whatsit.ranking.matches import Matches

# The paper takes 50 and 3, from a gallery with hundreds of pictures of each landmark. A catalogue has a few of each
# item, so few neighbours count, and only close ones: chosen on rendered shop 3.
NEIGHBOURS = 3
ALPHA = 10.0


@dataclass(frozen=True)
class QueryExpansion:
    """Search again with an alpha-weighted average of query and neighbours.

    Source: Radenovic et al. 2018, Fine-tuning CNN image retrieval with no human annotation.

    With x_1..x_n the vectors of the best n matches, q' = q + sum of max(q . x_i, 0)^alpha x_i, brought to unit length,
    searches the whole index again. `rerank_scores` are 2 - distance to q'; `scores`, and with them the threshold and
    the confidence, stay those of q, since q' is nearer to everything that it was made of. What earlier stages dropped
    or rescored is forgotten, so name this stage first.

    It helps where an item has several pictures, of which the query resembles one; where each item has a single
    picture, the query is pulled towards look-alikes.

    Args:
        neighbours: n, 1 or more.
        alpha: 0 or more; 0 is the plain average.

    Raises:
        InvalidInput: one of them is out of its range.
    """

    neighbours: int = NEIGHBOURS
    alpha: float = ALPHA

    def __post_init__(self) -> None:
        if self.neighbours < 1 or not self.alpha >= 0.0:
            raise InvalidInput(
                f"'query_expansion' takes neighbours from 1 and alpha from 0, not {self.neighbours} and {self.alpha}."
            )

    def __call__(self, matches: Matches) -> Matches:
        """Return the re-ranked matches."""
        if not len(matches):
            return matches
        context = matches.search_context
        best = matches.numbers[np.argsort(-matches.rerank_scores, kind="stable")[: self.neighbours]]
        vectors = context.vectors(best)
        weights = np.maximum(vectors @ context.query, 0.0) ** self.alpha
        expanded = context.query + weights @ vectors
        return context.search_from((expanded / np.linalg.norm(expanded)).astype(np.float32))
