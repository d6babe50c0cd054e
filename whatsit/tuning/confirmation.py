"""Confirmation of a search: start, shipped and found in alternating rounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from whatsit.tuning.ab_test import CONCURRENCIES, Candidate, Measurement, ServerPool, find_concurrency
from whatsit.tuning.closed_loop import Block
from whatsit.tuning.objective import Difference, Goal
from whatsit.tuning.search_space import Configuration

ROUNDS = 7
FEWEST_ROUNDS = 3


@dataclass(frozen=True)
class Confirmed:
    """One configuration at the concurrency that serves most within the latency.

    Args:
        name: such as `shipped`.
        configuration: what it is.
        measurement: its rounds.
        met: whether 99 of 100 calls kept the latency, and none was refused.
    """

    name: str
    configuration: Configuration
    measurement: Measurement
    met: bool


@dataclass(frozen=True)
class RateComparison:
    """One configuration against another, over rounds that were measured in turn.

    Args:
        rate: images per second, difference of logarithms.
        better: beyond noise: the only one that keeps the latency, or of the higher score.
        worse: beyond noise.
    """

    rate: Difference
    better: bool
    worse: bool

    @property
    def ratio(self) -> float:
        """Return the ratio of images per second."""
        return math.exp(self.rate.mean)

    @property
    def interval(self) -> tuple[float, float]:
        """Return one-sided 95 % bounds of the ratio."""
        return math.exp(self.rate.at_least), math.exp(self.rate.at_most)


def confirm(
    pool: ServerPool,
    configurations: Mapping[str, Configuration],
    goal: Goal,
    begin: int,
    rounds: int = ROUNDS,
    measuring: Callable[[str], None] = lambda what: None,
    is_late: Callable[[], bool] = lambda: False,
) -> list[Confirmed]:
    """Measure each configuration at its best concurrency and at the next lower one.

    Args:
        pool: where they are served.
        configurations: by name.
        goal: what counts.
        begin: a concurrency to begin with.
        rounds: of each; 5 or more for figures that are shown.
        measuring: called with what is being done.
        is_late: whether the time is over; after `FEWEST_ROUNDS` rounds that is the end.
    """
    candidates: dict[str, Candidate] = {}
    rows: dict[str, dict[int, list[Block]]] = {}
    try:
        for name, configuration in configurations.items():
            measuring(f"starting {name}")
            candidates[name] = pool.open(configuration)
            best, _ = find_concurrency(candidates[name], goal, begin, most=6)
            lower = CONCURRENCIES[max(0, CONCURRENCIES.index(best) - 1)]
            rows[name] = {concurrency: [] for concurrency in (best, lower)}
        names = list(candidates)
        for number in range(rounds):
            if number >= FEWEST_ROUNDS and is_late():
                break
            measuring(f"round {number + 1} of {rounds}")
            for name in names[number % len(names) :] + names[: number % len(names)]:
                for concurrency, blocks in rows[name].items():
                    blocks.append(candidates[name].block(concurrency))
    finally:
        for candidate in candidates.values():
            candidate.close()
    return [_choose(name, configuration, rows[name], goal) for name, configuration in configurations.items()]


def compare(ours: Confirmed, theirs: Confirmed, goal: Goal) -> RateComparison:
    """Compare two configurations of one `confirm`."""
    pairs = list(zip(ours.measurement.blocks, theirs.measurement.blocks, strict=True))
    rate = Difference.of([math.log(max(one.rate, 1e-9) / max(other.rate, 1e-9)) for one, other in pairs])
    score = goal.lead(ours.measurement.blocks, theirs.measurement.blocks)
    if ours.met != theirs.met:
        return RateComparison(rate, ours.met, theirs.met)
    counts = rate if ours.met else score
    return RateComparison(rate, counts.at_least > 0, counts.at_most < 0)


def _choose(name: str, configuration: Configuration, rows: Mapping[int, list[Block]], goal: Goal) -> Confirmed:
    """Return the concurrency with most images a second within the latency.

    Where none keeps the latency, it is the one nearest to it.
    """
    measurements = [Measurement(concurrency, tuple(blocks)) for concurrency, blocks in rows.items()]
    kept = [measurement for measurement in measurements if goal.is_met(measurement.blocks)]
    if kept:
        return Confirmed(name, configuration, max(kept, key=lambda measurement: measurement.rate), True)
    return Confirmed(name, configuration, max(measurements, key=lambda one: sum(map(goal.score, one.blocks))), False)
