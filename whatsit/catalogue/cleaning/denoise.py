"""Same-item denoising: outlier pictures of an item by multi-radius DBSCAN.

The pictures of one item are clustered by density (DBSCAN, Ester et al. 1996) in layers, from a narrow radius to a wide
one. The narrowest layer's largest cluster is the item's core; what a wider layer joins with the core belongs to the
item too, as does another cluster that lies near the core's centre, such as the views of the back. What no layer joins
is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from whatsit.catalogue.cleaning.picture_table import Flags
from whatsit.index.index_kind import Numbers


def belonging(vectors: npt.NDArray[np.float32], radii: Sequence[float], min_samples: int = 2) -> Flags:
    """Which pictures of one item belong to it.

    Args:
        vectors: f32 [n,D], unit length.
        radii: largest cosine distances of neighbours, one for each layer, ascending, 0..2.
        min_samples: pictures, itself included, within the radius that make a picture part of a dense place.

    Returns:
        bool [n]; all True where no layer finds a cluster, for then nothing is known.
    """
    from sklearn.cluster import DBSCAN

    distance = np.clip(1.0 - vectors @ vectors.T, 0.0, 2.0).astype(np.float64)
    core: Numbers | None = None
    kept = np.zeros(len(vectors), np.bool_)
    for radius in radii:
        groups = DBSCAN(eps=radius, min_samples=min_samples, metric="precomputed").fit_predict(distance)
        if not (groups >= 0).any():
            continue
        if core is None:
            core = _core(vectors, groups)
            kept[core] = True
        centre = _unit(vectors[core].mean(axis=0))
        for group in range(groups.max() + 1):
            members = np.flatnonzero(groups == group)
            if kept[members].any() or 1.0 - _unit(vectors[members].mean(axis=0)) @ centre <= radii[-1]:
                kept[members] = True
    return kept if core is not None else np.ones(len(vectors), np.bool_)


def consensus(vectors: npt.NDArray[np.float32], kept: Flags) -> npt.NDArray[np.float32]:
    """Cosine of each picture with the mean of those kept, f32 [n]."""
    return np.asarray(vectors @ _unit(vectors[kept].mean(axis=0)), np.float32)


def _core(vectors: npt.NDArray[np.float32], groups: Numbers) -> Numbers:
    """Return the largest cluster, of equal ones that nearest the mean of all pictures."""
    mean = _unit(vectors.mean(axis=0))

    def rank(group: int) -> tuple[int, float]:
        members = groups == group
        return int(members.sum()), float(_unit(vectors[members].mean(axis=0)) @ mean)

    best = max(range(groups.max() + 1), key=rank)
    return np.flatnonzero(groups == best)


def _unit(vector: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)
