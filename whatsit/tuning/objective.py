"""Objective: images a second within a latency, and significance of differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whatsit.tuning.closed_loop import Block, p99

# Breaking the limit costs a tenth of the rate, and four per cent more for each per cent above it: it hardly ever pays,
# and there is yet a slope that leads a search back from where nothing keeps the limit. Far above, the slope is gentle:
# on a shared machine that is more often a moment of other load.
_BROKEN, _PENALTY = 0.1, 4.0
_NEAR, _FAR_PENALTY = 0.25, 0.5
_FAILED = -20.0
# Student's t, one-sided 95 %, for 1, 2, … degrees of freedom.
_T = (6.31, 2.92, 2.35, 2.13, 2.02, 1.94, 1.89, 1.86, 1.83, 1.81)
# Three alike by luck prove nothing: a smaller spread is taken for this.
_LEAST_SPREAD = 0.02
# At either end, one in so many pairs is left out.
_ONE_IN = 5


@dataclass(frozen=True)
class Goal:
    """The objective.

    Args:
        slo_p99_ms: 99 of 100 calls shall be answered within this.
    """

    slo_p99_ms: float

    def score(self, block: Block) -> float:
        """Return log(images/s) of one round, less a penalty for exceeding the latency."""
        if block.failures or not block.latencies_ms:
            return _FAILED
        return self.of(block.rate, block.p99_ms)

    def of(self, rate: float, p99_ms: float) -> float:
        """Return the score of figures."""
        budget_ratio = math.log(p99_ms / self.slo_p99_ms)
        near, far = min(budget_ratio, _NEAR), max(budget_ratio - _NEAR, 0.0)
        return math.log(rate) - (_BROKEN + _PENALTY * near + _FAR_PENALTY * far if budget_ratio > 0 else 0.0)

    def lead(self, ours: Sequence[Block], theirs: Sequence[Block]) -> Difference:
        """Return the difference of two configurations over alternating rounds."""
        return Difference.of([self.score(one) - self.score(other) for one, other in zip(ours, theirs, strict=True)])

    def is_met(self, blocks: Sequence[Block]) -> bool:
        """Return whether all rounds together keep the latency, with no call refused."""
        latencies = [latency for block in blocks for latency in block.latencies_ms]
        return not any(block.failures for block in blocks) and p99(latencies) <= self.slo_p99_ms


@dataclass(frozen=True)
class Difference:
    """A mean difference and how far it may be off.

    Of five pairs and more, one at each end is left out of the mean, for on a shared machine any round may fall into a
    moment of other load (Tukey and McLaughlin's trimmed t, 1963).

    Args:
        mean: of the pairs; of logarithms, so 0.05 is five per cent.
        error: half the width of its one-sided 95 % interval; infinite for a single pair.
        pairs: how many.
    """

    mean: float
    error: float
    pairs: int

    @classmethod
    def of(cls, differences: Sequence[float]) -> Difference:
        """Average the differences of pairs measured next to each other."""
        pairs = len(differences)
        if pairs < 2:
            return cls(float(differences[0]) if pairs else 0.0, math.inf, pairs)
        left_out = pairs // _ONE_IN
        ordered = np.sort(differences)
        kept = ordered[left_out : pairs - left_out]
        spread = max(float(np.std(np.clip(ordered, kept[0], kept[-1]), ddof=1)), _LEAST_SPREAD)
        error = _T[min(len(kept) - 2, len(_T) - 1)] * spread * math.sqrt(pairs) / len(kept)
        return cls(float(np.mean(kept)), error, pairs)

    @property
    def at_least(self) -> float:
        """Return the lower end of the interval."""
        return self.mean - self.error

    @property
    def at_most(self) -> float:
        """Return the upper end of the interval."""
        return self.mean + self.error
