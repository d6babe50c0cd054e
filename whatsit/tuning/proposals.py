"""Proposals of the next configuration, ordered by the stages' measured costs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from whatsit.tuning.model_costs import Cost
from whatsit.tuning.search_space import PIPELINE, Configuration, Knob, Space, Value

_NOTHING = Cost(0.0, 0.0)


def proposals(space: Space, incumbent: Configuration, costs: Mapping[str, Cost]) -> list[Configuration]:
    """Return configurations to try next, the most promising first.

    Before all, balanced ones: as many single-threaded instances as cores, half as many with two threads, and so on,
    with instances of the Python steps by their share of the work. Then every neighbour of the incumbent: one knob a
    step up or down, or instances traded for threads; ordered by the milliseconds of a call that it might save.

    Args:
        space: the choices.
        incumbent: the best so far.
        costs: of each model under the incumbent.
    """
    ranked = sorted(_neighbours(space, incumbent, costs), key=lambda pair: -pair[0])
    found = [*balanced(space, incumbent, costs), *[configuration for _, configuration in ranked]]
    return [configuration for configuration in dict.fromkeys(found) if configuration != incumbent]


def balanced(space: Space, incumbent: Configuration, costs: Mapping[str, Cost]) -> Iterator[Configuration]:
    """Share all cores among the stages, with ever more threads to an instance."""
    together = sum(cost.compute_ms for cost in costs.values()) or 1.0
    most = max((choice for knob, choices in space.choices.items() if knob.name == "threads" for choice in choices
                if isinstance(choice, int)), default=1)  # fmt: skip
    threads = 1
    while threads <= most:
        values: dict[Knob, Value] = {}
        for model in PIPELINE:
            if space.has(model, "threads"):
                values[Knob(model, "threads")] = space.nearest(Knob(model, "threads"), threads)
                wanted = max(1, space.cores // threads)
            else:
                share = costs.get(model, _NOTHING).compute_ms / together
                wanted = max(1, math.ceil(2 * share * space.cores))
            parallel = "workers" if space.has(model, "workers") else "instances"
            if space.has(model, parallel):
                values[Knob(model, parallel)] = space.nearest(Knob(model, parallel), wanted)
        yield incumbent.with_(values)
        threads *= 2


def _neighbours(
    space: Space, incumbent: Configuration, costs: Mapping[str, Cost]
) -> Iterator[tuple[float, Configuration]]:
    for knob, choices in space.choices.items():
        cost = costs.get(knob.model, _NOTHING)
        place = choices.index(incumbent[knob])
        for step in (1, -1):
            if 0 <= place + step < len(choices):
                value = choices[place + step]
                yield _promise(knob, step, cost), incumbent.with_({knob: value})
                trade = _trade(space, incumbent, knob, value)
                if trade is not None:
                    yield 0.3 * cost.compute_ms + 0.5 * cost.queue_ms, incumbent.with_({knob: value, **trade})


def _promise(knob: Knob, step: int, cost: Cost) -> float:
    """Estimate the milliseconds of a call that a step might save, to order trials."""
    if knob.name in ("instances", "workers"):
        return cost.queue_ms if step > 0 else 0.02 * cost.compute_ms
    share = {
        "row_threads": 0.4,
        "threads": 0.4 if step > 0 else 0.1,
        "delay_us": 0.05,
        "preferred": 0.03,
        "cap": 0.5 if step < 0 else 0.0,
    }
    return share[knob.name] * cost.compute_ms


def _trade(space: Space, incumbent: Configuration, knob: Knob, threads: Value) -> dict[Knob, Value] | None:
    """Return the number of instances that keeps instances x threads constant."""
    parallel = Knob(knob.model, "workers" if space.has(knob.model, "workers") else "instances")
    if knob.name != "threads" or parallel not in space.choices or not isinstance(threads, int):
        return None
    product = incumbent.number(knob) * incumbent.number(parallel)
    value = space.nearest(parallel, max(1, round(product / threads)))
    return None if value == incumbent[parallel] else {parallel: value}
