"""Hard-class mining by layered DBSCAN.

The class centres are clustered by density (DBSCAN, Ester et al. 1996) in layers, from a narrow radius to a wide one:
what a narrow layer joins is a group of the hardest kind and is final; only what it leaves as noise goes on to the
next layer. Pictures of a group then stand close together in the order that batches are cut from, so that the pair
losses and the margins of a batch meet the confusions of the moment.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.cluster import DBSCAN

ALONE = -1


def layered_groups(centres: npt.NDArray[np.float32], radii: Sequence[float]) -> npt.NDArray[np.int64]:
    """Return the group of each class, int64 [classes], ALONE for ungrouped ones.

    Args:
        centres: f32 [classes, d] of any length but zero.
        radii: largest cosine distance of neighbours, one for each layer, ascending, 0..2.
    """
    distance = _cosine_distances(centres)
    groups = np.full(len(centres), ALONE, np.int64)
    for radius in radii:
        left = np.flatnonzero(groups == ALONE)
        if len(left) < 2:
            break
        found = DBSCAN(eps=radius, min_samples=2, metric="precomputed").fit_predict(distance[np.ix_(left, left)])
        joined = found >= 0
        groups[left[joined]] = found[joined] + groups.max() + 1
    return groups


def grouped_order(
    labels: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], looseness: float, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return a permutation that keeps the pictures of a group near each other.

    Args:
        labels: class of each picture, int64 [n].
        groups: group of each class, of `layered_groups`.
        looseness: how far the pictures of a group spread over the order; 0 is one block, 1 hardly any grouping.
        rng: the source of chance.
    """
    of_picture = groups[labels]
    places = rng.random(len(labels))
    for group in np.unique(of_picture[of_picture != ALONE]):
        members = of_picture == group
        places[members] = rng.random() + looseness * (places[members] - 0.5)
    return np.argsort(places, kind="stable").astype(np.int64)


def radii_for(centres: npt.NDArray[np.float32], shares: Sequence[float]) -> list[float]:
    """Return quantiles of the cosine distance from a class to its nearest other.

    Radii follow the centres in this way: early in training all classes are near each other, later they are far.
    """
    distance = _cosine_distances(centres)
    np.fill_diagonal(distance, np.inf)
    return [float(radius) for radius in np.quantile(distance.min(axis=1), shares)]


def _cosine_distances(centres: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    unit = centres / np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    distances: npt.NDArray[np.float32] = np.clip(1 - unit @ unit.T, 0, 2)
    return distances
