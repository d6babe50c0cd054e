"""The score of a region as the main region of a picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Chosen on 300 grocery train photos as the first weight (in steps of 0.05) at which the detector's boxes cost no
# recall: a match of one apple must not answer for a whole heap.
WEIGHT = 0.4


def main_region_score(
    score: float | npt.NDArray[np.float32], area: float | npt.NDArray[np.float32]
) -> float | npt.NDArray[np.float32]:
    """Return score - WEIGHT * (1 - sqrt(area)).

    Args:
        score: 0..2.
        area: the region's share of the picture's area, 0..1.
    """
    return score - WEIGHT * (1.0 - np.sqrt(area))
