"""Machines for a rate of images over a number of items."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from perf.capacity.inputs import Inputs, Search
from perf.capacity.queue_simulation import closed_loop

GIB = 2**30
FULL_MEMORY = (
    0.75  # of a machine's memory that an index may take; the rest is for the system, deltas and a new generation
)
SATURATING = 16  # callers


@dataclass(frozen=True)
class Plan:
    """What is bought, and how full it is run.

    Args:
        cores: of one machine.
        gib: memory of one machine.
        price: of one machine an hour, dollars.
        utilisation: of what saturates a machine, the share that is planned with.
        server_gib: memory of a server without its index.
    """

    cores: int
    gib: float
    price: float
    utilisation: float
    server_gib: float


@dataclass(frozen=True)
class Curve:
    """A kind of index over sizes: bytes per item and milliseconds as a + b f(items).

    Args:
        kind: such as `hnsw`.
        bytes: per item, of the largest that was measured.
        a: milliseconds that do not grow.
        b: milliseconds per unit of f: items in millions, or the decimal logarithm of items for a graph.
        largest: items of the largest that was measured; beyond, the curve is extrapolated.
    """

    kind: str
    bytes: float
    a: float
    b: float
    largest: int

    def ms(self, items: float) -> float:
        """Return the core milliseconds of one image's search among so many items."""
        return max(0.0, self.a + self.b * _growth(self.kind, items))


@dataclass(frozen=True)
class Estimate:
    """What one demand takes.

    Args:
        rate: images per second.
        items: in the catalogue.
        kind: of the index that needs fewest machines.
        shards: machines that hold one copy of the index; 1 where a serving machine holds all of it.
        serving: machines that serve, with the index where it fits.
        searching: machines of a search tier of its own, copies included; 0 where none is needed.
        cores: that are busy.
        price: an hour, dollars.
    """

    rate: float
    items: float
    kind: str
    shards: int
    serving: int
    searching: int
    cores: float
    price: float

    @property
    def machines(self) -> int:
        """All of them."""
        return self.serving + self.searching

    @property
    def per_million(self) -> float:
        """Dollars for a million images at this rate."""
        return self.price / (self.rate * 3600) * 1e6


def curves(search: Sequence[Search]) -> list[Curve]:
    """Return a curve for each kind, from its two largest measured sizes."""
    found = []
    for kind in dict.fromkeys(one.kind for one in search):
        sizes = sorted((one for one in search if one.kind == kind), key=lambda one: one.items)[-2:]
        if len(sizes) == 2:
            small, large = sizes
            b = (large.retrieval_ms - small.retrieval_ms) / (_growth(kind, large.items) - _growth(kind, small.items))
            b = max(b, 0.0)
            a = large.retrieval_ms - b * _growth(kind, large.items)
            found.append(Curve(kind, large.index_bytes, a, b, large.items))
    return found


def saturated(inputs: Inputs) -> float:
    """Images per second of the measured machine with all cores busy, by simulation."""
    return closed_loop(inputs.stations, inputs.machine, SATURATING).rate


def core_ms(inputs: Inputs) -> float:
    """Milliseconds of a core per image on a full machine."""
    return 1000 * inputs.machine.cores / saturated(inputs)


def estimate(
    inputs: Inputs, plan: Plan, found: Sequence[Curve], rate: float, items: float, image_ms: float
) -> Estimate:
    """Return the kind of index and the fewest machines for one demand.

    Args:
        inputs: measured.
        plan: what is bought.
        found: from `curves`.
        rate: images per second.
        items: in the catalogue.
        image_ms: from `core_ms`, with the search of the benchmark's small catalogue in it.
    """
    small = min((one.retrieval_ms for one in inputs.search), default=0.0)
    return min(
        (_of(one, plan, rate, items, image_ms, small) for one in found), key=lambda one: (one.machines, one.cores)
    )


def _of(curve: Curve, plan: Plan, rate: float, items: float, image_ms: float, small: float) -> Estimate:
    capacity = FULL_MEMORY * plan.gib * GIB
    per_machine = plan.cores * plan.utilisation * 1000  # milliseconds of cores in a second
    index = curve.bytes * items
    if index <= capacity - plan.server_gib * GIB:
        cost = image_ms + max(0.0, curve.ms(items) - small)
        serving = math.ceil(rate * cost / per_machine)
        return Estimate(rate, items, curve.kind, 1, serving, 0, rate * cost / 1000, serving * plan.price)
    # Every image asks every shard; what a router saves is not counted.
    shards = math.ceil(index / capacity)
    search = shards * curve.ms(items / shards)
    serving = math.ceil(rate * image_ms / per_machine)
    copies = max(1, math.ceil(rate * search / per_machine / shards))
    cores = rate * (image_ms + search) / 1000
    return Estimate(
        rate, items, curve.kind, shards, serving, shards * copies, cores, (serving + shards * copies) * plan.price
    )


def _growth(kind: str, items: float) -> float:
    return math.log10(items) if kind.startswith("hnsw") else items / 1e6
