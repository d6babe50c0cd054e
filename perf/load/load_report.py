"""What a run of Locust showed, in figures."""

from __future__ import annotations

import math
from collections.abc import Sequence

from perf.load.outcomes import FAILED, OK, REFUSED, Outcome, answered, percentile
from perf.load.pacing import SPIKE

COLUMNS = ("phase", "call", "protocol", "calls", "per_s", "ok_per_s", "refused", "failed", "p50_ms", "p95_ms", "p99_ms",
           "max_ms", "refused_p95_ms")  # fmt: skip
# A spike is over when the tail is as it was, but for this factor, in a window of so many seconds.
RECOVERED = 1.3
_WINDOW = 3.0

Row = tuple[object, ...]


def phases(shape: str, outcomes: Sequence[Outcome], begin: float, seconds: float) -> dict[str, list[Outcome]]:
    """Return the calls of each part of the run; a spike has three."""
    if shape != "spike":
        return {shape: list(outcomes)}
    marks = (begin, begin + SPIKE[0] * seconds, begin + (SPIKE[0] + SPIKE[1]) * seconds, math.inf)
    names = ("before", "spike", "after")
    return {
        name: [one for one in outcomes if start <= one.start < end]
        for name, start, end in zip(names, marks, marks[1:], strict=False)
    }


def table(parts: dict[str, list[Outcome]], lengths: dict[str, float]) -> list[Row]:
    """Return a line per part and call, `all` first."""
    rows = []
    for name, outcomes in parts.items():
        kinds = sorted({(one.name.split(" (")[0], one.protocol) for one in outcomes})
        rows.append(_row(name, "all", "all", outcomes, lengths[name]))
        rows += [
            _row(name, call, protocol, [one for one in outcomes if _kind(one) == (call, protocol)], lengths[name])
            for call, protocol in kinds
        ]
    return rows


def _kind(one: Outcome) -> tuple[str, str]:
    return one.name.split(" (")[0], one.protocol


def _row(phase: str, call: str, protocol: str, outcomes: Sequence[Outcome], seconds: float) -> Row:
    good = [one.ms for one in outcomes if one.outcome == OK]
    refused = [one.ms for one in outcomes if one.outcome == REFUSED]
    tails = [f"{percentile(good, percent):.1f}" for percent in (50, 95, 99, 100)]
    late = f"{percentile(refused, 95):.1f}" if refused else ""
    counts = (len(refused), sum(one.outcome == FAILED for one in outcomes))
    rates = (f"{len(outcomes) / seconds:.2f}", f"{len(good) / seconds:.2f}")
    return (phase, call, protocol, len(outcomes), *rates, *counts, *tails, late)


def recovery(parts: dict[str, list[Outcome]], spike_end: float) -> float | None:
    """Return the seconds until p95 is within `RECOVERED` times that of before.

    Both in windows of calls that started within `_WINDOW` seconds.
    """
    before = percentile((one.ms for one in answered(parts["before"])), 95)
    after = answered(parts["after"])
    last = max((one.start for one in after), default=spike_end)
    waited = 0.0
    while spike_end + waited + _WINDOW <= last + 1.0:
        window = [one.ms for one in after if 0 <= one.start - spike_end - waited < _WINDOW]
        if window and percentile(window, 95) <= RECOVERED * before:
            return waited
        waited += 0.5
    return None
