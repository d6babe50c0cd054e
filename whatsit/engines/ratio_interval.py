"""Interval of a ratio of two things that were measured in turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_RESAMPLES = 1000


@dataclass(frozen=True)
class Ratio:
    """A ratio with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"

    @property
    def width(self) -> float:
        """Return half the interval's width as a share of the ratio."""
        return (self.high - self.low) / 2 / self.value


def ratio_interval(above: Sequence[float], below: Sequence[float], seed: int = 0) -> Ratio:
    """Return the median ratio of neighbouring measurements, bootstrapped.

    Neighbours saw the same moments of the machine, so its noise cancels out.

    Args:
        above: measurements in the order that they were made, 1 or more.
        below: their neighbours.
        seed: of the resampling.
    """
    ratios = np.asarray(above, dtype=np.float64) / np.asarray(below, dtype=np.float64)
    rng = np.random.default_rng(seed)
    medians = np.median(ratios[rng.integers(0, len(ratios), (_RESAMPLES, len(ratios)))], axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return Ratio(float(np.median(ratios)), float(low), float(high))
