"""A pipeline that is computed, not served: its best configuration is known, and its clock is the test's."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from whatsit.tuning.closed_loop import Block
from whatsit.tuning.model_costs import Cost
from whatsit.tuning.search_space import Configuration, Knob

CORES = 4
WORK_MS = {"decode": 10.0, "detector": 40.0, "classifier": 9.0, "regions": 6.0, "embedder": 50.0, "retrieval": 5.0}


def closed_form(configuration: Configuration, concurrency: int) -> tuple[float, float, float]:
    """Images/s, milliseconds of a call and CPU milliseconds of the pipeline: stations on `CORES` cores.

    t threads make a network t^0.5 times as fast and cost t^0.5 times the CPU time; nobody is served faster than the
    slowest station, the callers, or the cores allow.
    """
    times, limits, spent = [], [], 0.0
    for model, work in WORK_MS.items():
        knob = Knob(model, "threads")
        threads = configuration.number(knob) if knob in set(configuration) else 1
        times.append(work / math.sqrt(threads))
        spent += work * math.sqrt(threads)
        limits.append(configuration.number(Knob(model, "instances")) / times[-1])
    rate = min(*limits, concurrency / sum(times), CORES / spent)
    return 1000 * rate, concurrency / rate, spent


class Computed:
    """The `Candidate` of a computed pipeline."""

    def __init__(self, pool: ComputedPool, configuration: Configuration) -> None:
        self._pool, self.configuration = pool, configuration

    def block(self, concurrency: int) -> Block:
        return self._pool.measure(self.configuration, concurrency)

    def costs(self) -> Mapping[str, Cost]:
        rate, _, _ = closed_form(self.configuration, 8)
        costs = {}
        for model, work in WORK_MS.items():
            knob = Knob(model, "threads")
            threads = self.configuration.number(knob) if knob in set(self.configuration) else 1
            time = work / math.sqrt(threads)
            busy = rate / 1000 * time / self.configuration.number(Knob(model, "instances"))
            costs[model] = Cost(200.0 if busy > 0.99 else 10 * busy, time)
        return costs

    def close(self) -> None:
        self._pool.open_now -= 1


class ComputedPool:
    """Serves computed pipelines; the machine is slower at some times than at others.

    Args:
        noise: of each round, standard deviation of the logarithm.
        drift: how much slower the machine is at worst; it swings once in seven minutes.
        stalls: share of the rounds in which somebody else takes the machine for a moment, and three calls with it.
    """

    def __init__(self, noise: float = 0.0, drift: float = 0.0, seed: int = 0, stalls: float = 0.0) -> None:
        self.now, self.open_now, self.opened = 0.0, 0, 0
        self._noise, self._drift, self._dice = noise, drift, np.random.default_rng(seed)
        self._stalls = stalls

    def open(self, configuration: Configuration) -> Computed:
        self.now += 5.0
        self.open_now += 1
        self.opened += 1
        return Computed(self, configuration)

    def measure(self, configuration: Configuration, concurrency: int) -> Block:
        rate, latency, spent = closed_form(configuration, concurrency)
        swing = 1 - self._drift * (1 + math.sin(self.now * 2 * math.pi / 420)) / 2
        factor = swing * math.exp(self._noise * self._dice.standard_normal())
        calls = 48
        seconds = calls / (rate * factor)
        latencies = latency / factor * (1 + 0.1 * self._dice.random(calls))
        if self._dice.random() < self._stalls:
            stall = self._dice.uniform(0.3, 1.2)
            seconds += stall
            latencies[:3] += 1000 * stall
        self.now += seconds
        return Block(seconds, tuple(latencies), (), spent / factor)
