"""Discrete-event simulation of pictures in the stages of `identify`.

A stage has as many instances as its config says; a picture waits, first come first served, until one is free. Busy
instances share the cores: with more of them than cores each gets its part (processor sharing), and with every further
busy core all of them slow down a little (shared caches and memory). Detector and classifier work beside each other, and
the regions wait for both.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Station:
    """One stage.

    Args:
        name: of the model.
        work_ms: CPU time of a picture there, on one otherwise idle machine.
        instances: pictures that it serves at a time.
        after: stages that must be done before.
        spread: coefficient of variation of the work from picture to picture.
        parts: in which an instance does the work of a picture side by side.
    """

    name: str
    work_ms: float
    instances: int
    after: tuple[str, ...] = ()
    spread: float = 0.3
    parts: int = 1


@dataclass(frozen=True)
class Machine:
    """What the stages share.

    Args:
        cores: how many.
        contention: by how much each further busy core slows all of them, 0.1 for a tenth.
    """

    cores: int
    contention: float = 0.0

    def speed(self, busy: int) -> float:
        """Of each of so many busy instances; 1 for one alone."""
        share = min(1.0, self.cores / busy)
        return share / (1.0 + self.contention * (min(busy, self.cores) - 1))


@dataclass(frozen=True)
class Simulated:
    """What came of a simulation.

    Args:
        rate: images per second.
        latencies: of the counted pictures, milliseconds.
    """

    rate: float
    latencies: npt.NDArray[np.float64]

    def percentile(self, percent: float) -> float:
        """Milliseconds."""
        return float(np.percentile(self.latencies, percent))


@dataclass
class _Picture:
    number: int
    begun: float
    work: dict[str, float]
    left: dict[str, int]
    done: set[str] = field(default_factory=set)


class _Run:
    """One simulation; all busy instances progress at one speed between two events."""

    def __init__(self, stations: Sequence[Station], machine: Machine, pictures: int, seed: int) -> None:
        self.stations = {station.name: station for station in stations}
        self.machine = machine
        self.free = {station.name: station.instances for station in stations}
        self.waiting: dict[str, deque[_Picture]] = {station.name: deque() for station in stations}
        # Progress that all busy instances have made so far; each ends when it reaches the entry's own mark.
        self.progress, self.now = 0.0, 0.0
        self.busy: list[tuple[float, int, str, _Picture]] = []
        self.order = 0
        generator = np.random.default_rng(seed)
        self.works = {
            station.name: _gamma(generator, station.work_ms, station.spread, pictures) for station in stations
        }
        self.finished: list[tuple[float, float]] = []

    def begin(self, number: int) -> None:
        """A picture arrives."""
        work = {name: float(works[number]) for name, works in self.works.items()}
        picture = _Picture(number, self.now, work, {name: one.parts for name, one in self.stations.items()})
        for station in self.stations.values():
            if not station.after:
                self._queue(station.name, picture)

    def until_next(self) -> float:
        """Time until an instance is done, infinite where none is busy."""
        if not self.busy:
            return float("inf")
        return (self.busy[0][0] - self.progress) / self.machine.speed(len(self.busy))

    def pass_time(self, duration: float) -> None:
        """Let time pass; no instance is done before its end."""
        self.now += duration
        if self.busy:
            self.progress += duration * self.machine.speed(len(self.busy))

    def finish_next(self) -> bool:
        """Finish the first busy instance; return whether its picture left the pipeline."""
        mark, _, name, picture = heapq.heappop(self.busy)
        self.progress = mark
        picture.left[name] -= 1
        if picture.left[name]:
            return False
        picture.done.add(name)
        if self.waiting[name]:
            self._serve(name, self.waiting[name].popleft())
        else:
            self.free[name] += 1
        for station in self.stations.values():
            if name in station.after and picture.done.issuperset(station.after):
                self._queue(station.name, picture)
        left = len(picture.done) == len(self.stations)
        if left:
            self.finished.append((picture.begun, self.now))
        return left

    def _queue(self, name: str, picture: _Picture) -> None:
        if self.free[name]:
            self.free[name] -= 1
            self._serve(name, picture)
        else:
            self.waiting[name].append(picture)

    def _serve(self, name: str, picture: _Picture) -> None:
        parts = self.stations[name].parts
        for _ in range(parts):
            self.order += 1
            heapq.heappush(self.busy, (self.progress + picture.work[name] / parts, self.order, name, picture))

    def outcome(self) -> Simulated:
        """Without the first fifth, in which the queues fill."""
        counted = self.finished[len(self.finished) // 5 :]
        begin, end = self.finished[len(self.finished) // 5 - 1][1], counted[-1][1]
        return Simulated(1000 * len(counted) / (end - begin), np.array([there - here for here, there in counted]))


def closed_loop(
    stations: Sequence[Station], machine: Machine, callers: int, pictures: int = 2000, seed: int = 0
) -> Simulated:
    """Simulate callers that send the next picture at the answer to the last one."""
    run = _Run(stations, machine, pictures, seed)
    sent = min(callers, pictures)
    for number in range(sent):
        run.begin(number)
    while len(run.finished) < pictures:
        run.pass_time(run.until_next())
        if run.finish_next() and sent < pictures:
            run.begin(sent)
            sent += 1
    return run.outcome()


def open_loop(
    stations: Sequence[Station], machine: Machine, rate: float, pictures: int = 4000, seed: int = 0
) -> Simulated:
    """Pictures arrive at random (Poisson), so many a second, whatever the answers do."""
    run = _Run(stations, machine, pictures, seed)
    arrivals = np.cumsum(np.random.default_rng(seed + 1).exponential(1000 / rate, pictures))
    sent = 0
    while len(run.finished) < pictures:
        arrival = arrivals[sent] - run.now if sent < pictures else float("inf")
        end = run.until_next()
        if arrival <= end:
            run.pass_time(arrival)
            run.begin(sent)
            sent += 1
        else:
            run.pass_time(end)
            run.finish_next()
    return run.outcome()


def _gamma(generator: np.random.Generator, mean: float, spread: float, count: int) -> npt.NDArray[np.float64]:
    """Positive values of this mean and coefficient of variation."""
    if spread <= 0 or mean <= 0:
        return np.full(count, mean)
    return generator.gamma(1 / spread**2, mean * spread**2, count)
