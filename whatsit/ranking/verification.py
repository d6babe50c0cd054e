"""Geometric verification of two pictures by local features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from whatsit.vision.local_features import LocalFeatures, unit_descriptors

# Lowe's: the nearest descriptor must be this much nearer than the second nearest.
RATIO = 0.8
# In 1/1000 of the longer side; a bent carton or a bottle is no plane.
TOLERANCE = 25.0
ROUNDS = 300
# A transform fits any three.
FEWEST_MATCHES = 4
# What a photo of a thing in a hand can be to its catalogue picture; other movements fit chance matches.
SMALLEST, LARGEST, SLANT = 0.1, 10.0, 4.0


@dataclass(frozen=True)
class Agreement:
    """The local features of two pictures that fit one movement.

    Args:
        inliers: how many.
        spread: share of the query's area that their convex hull covers, 0..1.
    """

    inliers: int = 0
    spread: float = 0.0


def inliers(query: LocalFeatures, picture: LocalFeatures) -> int:
    """Return the number of descriptor matches that fit one affine transform."""
    return verify(query, picture).inliers


def verify(query: LocalFeatures, picture: LocalFeatures) -> Agreement:
    """Fit one affine transform to the descriptor matches of two pictures."""
    return verify_all(query, [picture])[0]


def verify_all(query: LocalFeatures, pictures: Sequence[LocalFeatures]) -> list[Agreement]:
    """Fit one affine transform to the descriptor matches with each picture.

    Descriptors match by Lowe's ratio test (2004), each of the picture's at most once; the transform is found by RANSAC
    (Fischler and Bolles 1981); an implausible one (see `SLANT`) counts as none. An affine transform needs three
    matches where a homography needs four, and over the size of a product in a photo the two differ by less than the
    tolerance.

    All pictures are compared in one product of matrices.
    """
    found = [Agreement()] * len(pictures)
    kept = [i for i, picture in enumerate(pictures) if len(picture) >= FEWEST_MATCHES]
    if len(query) < FEWEST_MATCHES or not kept:
        return found
    stored = np.concatenate([pictures[i].rows[:, 4:] for i in kept])
    likeness = query.descriptors @ unit_descriptors(stored).T
    ends = np.cumsum([len(pictures[i]) for i in kept]).tolist()
    for i, start, end in zip(kept, [0, *ends], ends, strict=False):
        pairs = _ratio_matches(likeness[:, start:end])
        if len(pairs) >= FEWEST_MATCHES:
            found[i] = _agreement(query, pictures[i], pairs)
    return found


def _agreement(query: LocalFeatures, picture: LocalFeatures, pairs: npt.NDArray[np.int64]) -> Agreement:
    cv2.setRNGSeed(0)  # the same picture has the same answer
    movement, kept = cv2.estimateAffine2D(
        query.points[pairs[:, 0]],
        picture.points[pairs[:, 1]],
        method=cv2.RANSAC,
        ransacReprojThreshold=TOLERANCE,
        maxIters=ROUNDS,
        confidence=0.99,
    )
    if movement is None or not _plausible(movement[:, :2]):
        return Agreement()
    places = query.points[pairs[kept[:, 0] > 0, 0]]
    return Agreement(len(places), _hull_share(places, query.area))


def _hull_share(points: npt.NDArray[np.float32], area: float) -> float:
    """Return the area of the convex hull of points as a share of an area, 0..1."""
    if len(points) < 3 or area <= 0:
        return 0.0
    return min(1.0, float(cv2.contourArea(cv2.convexHull(points))) / area)


def ratio_matches(query: npt.NDArray[np.float32], picture: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return the pairs that pass Lowe's ratio test.

    Args:
        query: f32 [n,128], unit length.
        picture: f32 [m,128], unit length, m of 2 or more.

    Returns:
        int64 [p,2], rows of both; each row of the picture at most once, with its nearest.
    """
    return _ratio_matches(query @ picture.T)


def _ratio_matches(likeness: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return `ratio_matches` from dot products f32 [n,m], which are changed."""
    rows = np.arange(len(likeness))
    nearest = likeness.argmax(axis=1)
    best = likeness[rows, nearest]
    likeness[rows, nearest] = -2.0
    second = likeness.max(axis=1)
    # Squared distances of unit vectors are 2 - 2 times their likeness.
    passed = np.flatnonzero(1.0 - best < RATIO**2 * (1.0 - second))
    passed = passed[np.argsort(-best[passed], kind="stable")]
    _, firsts = np.unique(nearest[passed], return_index=True)
    chosen = passed[np.sort(firsts)]
    return np.asarray(np.stack([chosen, nearest[chosen]], axis=1), dtype=np.int64)


def _plausible(linear: npt.NDArray[np.float64]) -> bool:
    """Return whether a transform neither mirrors nor scales or shears too much."""
    if np.linalg.det(linear) <= 0:
        return False
    large, small = np.linalg.svd(linear, compute_uv=False)
    return bool(small >= SMALLEST and large <= LARGEST and large <= SLANT * small)
