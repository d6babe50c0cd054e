"""A/B test of two configurations.

Both servers run, and rounds alternate, so that a slow moment of the machine affects both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from whatsit.tuning.closed_loop import Block, p99
from whatsit.tuning.model_costs import Cost
from whatsit.tuning.objective import Difference, Goal
from whatsit.tuning.search_space import Configuration

CONCURRENCIES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
MIN_PAIRS, MAX_PAIRS = 4, 8
MIN_GAIN = 0.01
# Of each of the first two pairs of rounds: more than noise explains.
CLEAR_LOSS = 0.25
MIN_SAVING = 0.03


class Candidate(Protocol):
    """A configuration that is being served."""

    configuration: Configuration

    def block(self, concurrency: int) -> Block:
        """Run one round: every picture of the load, so many at a time."""
        ...

    def costs(self) -> Mapping[str, Cost]:
        """Return the cost of each model over all rounds so far."""
        ...

    def close(self) -> None:
        """Stop serving."""
        ...


class ServerPool(Protocol):
    """Servers of several configurations, one of which has load at a time."""

    def open(self, configuration: Configuration) -> Candidate:
        """Serve a configuration; raise `WhatsitError` where it does not start."""
        ...


@dataclass(frozen=True)
class Measurement:
    """Rounds of one configuration at one concurrency.

    Args:
        concurrency: calls in flight.
        blocks: its rounds.
    """

    concurrency: int
    blocks: tuple[Block, ...]

    @property
    def rate(self) -> float:
        """Return images per second, median of the rounds."""
        return float(np.median([block.rate for block in self.blocks]))

    @property
    def p99_ms(self) -> float:
        """Return the 99th percentile of all calls together, ms."""
        return p99(self.latencies_ms)

    @property
    def latencies_ms(self) -> tuple[float, ...]:
        """Return the latencies of all rounds."""
        return tuple(latency for block in self.blocks for latency in block.latencies_ms)

    @property
    def cpu_ms(self) -> float:
        """Return CPU time per picture, median of the rounds."""
        return float(np.median([block.cpu_ms for block in self.blocks]))


@dataclass(frozen=True)
class Comparison:
    """Result of an A/B test.

    Args:
        word: `better`, `cheaper` (as fast, for less CPU time) or `no better`.
        gain: of the candidate's score.
        saving: of CPU time per picture, logarithm.
        candidate: its rounds.
        incumbent: the rounds beside them.
    """

    word: str
    gain: Difference
    saving: Difference
    candidate: Measurement
    incumbent: Measurement

    @property
    def accepted(self) -> bool:
        """Return whether the candidate replaces the incumbent."""
        return self.word != "no better"


def find_concurrency(candidate: Candidate, goal: Goal, begin: int, most: int = 5) -> tuple[int, Block]:
    """Find a configuration's best concurrency by hill climbing from `begin`.

    Args:
        candidate: what is measured.
        goal: what for.
        begin: the concurrency to begin with.
        most: rounds.

    Returns:
        The concurrency and its round.
    """
    place = min(range(len(CONCURRENCIES)), key=lambda at: abs(CONCURRENCIES[at] - begin))
    found = {place: candidate.block(CONCURRENCIES[place])}
    step = 1 if found[place].p99_ms <= goal.slo_p99_ms and not found[place].failures else -1
    for _ in range(most - 1):
        ahead = place + step
        if ahead not in range(len(CONCURRENCIES)):
            break
        found[ahead] = candidate.block(CONCURRENCIES[ahead])
        if goal.score(found[ahead]) <= goal.score(found[place]) + MIN_GAIN:
            break
        place = ahead
    return CONCURRENCIES[place], found[place]


def ab_test(candidate: Candidate, incumbent: Candidate, at: tuple[int, int], goal: Goal) -> Comparison:
    """Measure both in turn until the difference is beyond noise, or enough was seen.

    Args:
        candidate: the challenger.
        incumbent: the best so far.
        at: the concurrency of each, where it does best.
        goal: what counts.
    """
    ours: list[Block] = []
    theirs: list[Block] = []
    gain = saving = Difference.of([])
    word = "no better"
    for pair in range(MAX_PAIRS):
        order: list[tuple[Candidate, int, list[Block]]] = [(candidate, at[0], ours), (incumbent, at[1], theirs)]
        for served, concurrency, blocks in order if pair % 2 else order[::-1]:
            blocks.append(served.block(concurrency))
        gain = goal.lead(ours, theirs)
        saving = Difference.of([math.log(max(other.cpu_ms, 1e-3) / max(one.cpu_ms, 1e-3))
                                for one, other in zip(ours, theirs, strict=True)])  # fmt: skip
        if gain.pairs >= MIN_PAIRS and gain.at_least > MIN_GAIN:
            word = "better"
            break
        if (gain.pairs >= MIN_PAIRS and gain.at_most < MIN_GAIN) or _is_lost(ours, theirs, goal):
            break
    else:
        if gain.mean > -MIN_GAIN and saving.at_least > MIN_SAVING:
            word = "cheaper"
    return Comparison(word, gain, saving, Measurement(at[0], tuple(ours)), Measurement(at[1], tuple(theirs)))


def _is_lost(ours: Sequence[Block], theirs: Sequence[Block], goal: Goal) -> bool:
    """Return whether the first two pairs leave no chance, or a call was refused."""
    if any(block.failures for block in ours):
        return True
    behind = [goal.score(other) - goal.score(one) for one, other in zip(ours, theirs, strict=True)]
    return len(behind) == 2 and min(behind) > CLEAR_LOSS
