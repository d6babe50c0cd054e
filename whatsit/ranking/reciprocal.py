"""The stage `reciprocal`: k-reciprocal re-ranking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.ranking.matches import Matches

# The paper's 20, 6 and 0.3 are for galleries with many pictures of each identity. Where each item has one picture they
# cost 9 points of recall@1; these, chosen on rendered shop 3, cost none.
K1, K2, WEIGHT = 5, 2, 0.7

Doubles = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Reciprocal:
    """Re-rank by the Jaccard distance of k-reciprocal encodings.

    Source: Zhong et al. 2017, Re-ranking person re-identification with k-reciprocal encoding.

    Query and matches are the points p; d is their squared distance, divided by the largest from the same point.
    R(p, k) contains the q with p and q among each other's k nearest (each point is its own nearest and does not count);
    R*(p, k1) adds R(q, k1/2) for each q of R(p, k1) that shares two thirds of it. p is encoded as exp(-d) on R*(p, k1),
    zero elsewhere, brought to sum 1 and averaged over p's k2 nearest (local query expansion). With J the Jaccard
    distance of two codes, score = 2 - 2 ((1 - weight) J + weight d), 0..2, best first.

    The paper's points are the whole gallery. Here they are the matches, each with its vector nearest to the query: the
    cost then does not grow with the catalogue, and a list shorter than k1 carries little information. Scores of
    earlier stages are replaced.

    Args:
        k1: 1 or more.
        k2: 1 or more; 1 is no local query expansion.
        weight: 0..1, of the plain distance; lambda in the paper.

    Raises:
        InvalidInput: one of them is out of its range.
    """

    k1: int = K1
    k2: int = K2
    weight: float = WEIGHT

    def __post_init__(self) -> None:
        if self.k1 < 1 or self.k2 < 1 or not 0.0 <= self.weight <= 1.0:
            raise InvalidInput(
                f"'reciprocal' takes k1 and k2 from 1 and weight within 0..1, not {self.k1}, {self.k2}, {self.weight}."
            )

    def __call__(self, matches: Matches) -> Matches:
        """Return the re-ranked matches."""
        if len(matches) < 2:
            return matches
        context = matches.search_context
        points = np.concatenate([context.query[None], context.vectors(matches.numbers)]).astype(np.float64)
        distances = np.maximum(2.0 - 2.0 * points @ points.T, 0.0)
        np.fill_diagonal(distances, 0.0)
        distances /= np.maximum(distances.max(axis=1, keepdims=True), 1e-12)
        order = np.argsort(distances - 2.0 * np.eye(len(points)), axis=1, kind="stable")  # a point is its own nearest
        codes = np.where(self._reciprocal(order), np.exp(-distances), 0.0)
        codes /= codes.sum(axis=1, keepdims=True)
        codes = codes[order[:, : self.k2]].mean(axis=1)
        overlap = np.minimum(codes[0], codes[1:]).sum(axis=1)
        jaccard = 1.0 - overlap / (2.0 - overlap)  # codes sum to 1, so the sum of maxima is 2 - that of minima
        return matches.rescore(2.0 - 2.0 * ((1.0 - self.weight) * jaccard + self.weight * distances[0, 1:]))

    def _reciprocal(self, order: npt.NDArray[np.intp]) -> Mask:
        """Return R*(p, k1) of every point p as a row, bool [P,P], p included."""
        wide, narrow = _mutual(order, self.k1), _mutual(order, max(1, round(self.k1 / 2)))
        shared = wide.astype(np.int64) @ narrow.T  # [p, q]: how much of R(q, k1/2) is in R(p, k1)
        joins = wide & (3 * shared >= 2 * narrow.sum(axis=1)[None, :])
        expanded: Mask = wide | (joins.astype(np.int64) @ narrow > 0)
        return expanded


def _mutual(order: npt.NDArray[np.intp], k: int) -> Mask:
    """Return R(p, k) of every point p as a row, bool [P,P], p included."""
    near = np.zeros(order.shape, dtype=bool)
    np.put_along_axis(near, order[:, : k + 1], True, axis=1)
    mutual: Mask = near & near.T
    return mutual
