"""Counters, gauges and histograms of low cost, and a buffer of changes.

Nothing is kept, and nothing costs more than a comparison, until a `MetricBuffer` is opened, which only a server does.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import product

Labels = tuple[str, ...]


class MetricBuffer:
    """What a process has counted and not yet published; may be fed from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._amounts: dict[tuple[str, Labels], float] = {}

    def add(self, *entries: tuple[str, Labels, float]) -> None:
        """Add amounts to series, named by an exposed name and label values."""
        with self._lock:
            amounts = self._amounts
            for name, labels, amount in entries:
                key = (name, labels)
                amounts[key] = amounts.get(key, 0.0) + amount

    def drain(self) -> dict[tuple[str, Labels], float]:
        """Return and clear all amounts since the last call."""
        with self._lock:
            drained, self._amounts = self._amounts, {}
        return drained


_buffer: MetricBuffer | None = None


def open_buffer() -> MetricBuffer:
    """From now on this process keeps what its families are fed."""
    global _buffer
    _buffer = MetricBuffer()
    return _buffer


def close_buffer() -> None:
    """From now on nothing is kept."""
    global _buffer
    _buffer = None


@dataclass(frozen=True)
class Exposed:
    """One name on the metrics page.

    Args:
        name: with the suffix that Prometheus expects of its kind.
        text: its help.
        labels: names of its labels.
        zeros: values of the labels of the series that stand there from the start, at 0.
        counts: False for a gauge.
        edges: of a histogram's buckets, each of which holds those below it too; () for everything else.
    """

    name: str
    text: str
    labels: Labels
    zeros: tuple[Labels, ...]
    counts: bool = True
    edges: Labels = ()


@dataclass(frozen=True)
class Counter:
    """Something that is counted.

    Args:
        name: ends in `_total`.
        text: its help, one sentence.
        known: label -> the values that it takes; () where they are not known beforehand.
    """

    name: str
    text: str
    known: tuple[tuple[str, Labels], ...] = ()

    def add(self, *labels: str, amount: float = 1.0) -> None:
        """Count; the labels' values in the order of `known`."""
        if _buffer is not None:
            _buffer.add((self.name, labels, amount))

    def exposed(self) -> tuple[Exposed, ...]:
        """Its name on the metrics page."""
        return (Exposed(self.name, self.text, *_series(self.known)),)


@dataclass(frozen=True)
class Gauge:
    """Current value of this process, labelled by `process`.

    Args:
        name: with its unit.
        text: its help, one sentence.
    """

    name: str
    text: str

    def exposed(self) -> tuple[Exposed, ...]:
        """Its name on the metrics page."""
        return (Exposed(self.name, self.text, ("process",), (), counts=False),)


@dataclass(frozen=True)
class Histogram:
    """Values sorted into buckets, which Prometheus' `histogram_quantile` reads.

    The parts are separate counters: Triton's histograms take one value per message between processes, these many.

    Args:
        name: with its unit.
        text: its help, one sentence.
        bounds: upper bounds of the buckets, rising; one without a bound follows.
        known: label -> the values that it takes.
    """

    name: str
    text: str
    bounds: tuple[float, ...]
    known: tuple[tuple[str, Labels], ...] = ()

    def observe(self, value: float, *labels: str) -> None:
        """Sort a value in; the labels' values in the order of `known`."""
        if _buffer is None:
            return
        bucket, total, count = self._parts
        edge = self.edges[bisect_left(self.bounds, value)]
        _buffer.add((total, labels, float(value)), (count, labels, 1.0), (bucket, (*labels, edge), 1.0))

    @contextmanager
    def timed(self, *labels: str) -> Iterator[None]:
        """Observe the seconds of a block, also where it raises."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.observe(time.perf_counter() - begin, *labels)

    @cached_property
    def edges(self) -> Labels:
        """The values of the label `le`."""
        return (*(f"{bound:g}" for bound in self.bounds), "+Inf")

    @cached_property
    def _parts(self) -> tuple[str, str, str]:
        return f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count"

    def exposed(self) -> tuple[Exposed, ...]:
        """Its names on the metrics page."""
        bucket, total, count = self._parts
        names, zeros = _series(self.known)
        buckets = tuple((*values, edge) for values in zeros for edge in self.edges)
        return (
            Exposed(bucket, self.text, (*names, "le"), buckets, edges=self.edges),
            Exposed(total, f"Sum: {self.text}", names, zeros),
            Exposed(count, f"Count: {self.text}", names, zeros),
        )


Family = Counter | Gauge | Histogram


def _series(known: tuple[tuple[str, Labels], ...]) -> tuple[Labels, tuple[Labels, ...]]:
    """Names of the labels, and every combination of their values."""
    return tuple(name for name, _ in known), tuple(product(*(values for _, values in known)))
