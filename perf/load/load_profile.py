"""The course of a load over time."""

from __future__ import annotations

STEPS = 5
# Of a spike's whole time: before, during, after.
SPIKE = (0.3, 0.3, 0.4)


def rate_at(shape: str, seconds: float, total: float, rate: float, peak: float) -> float | None:
    """Calls a second at a moment; None at the end.

    Args:
        shape: steady and soak keep the rate; steps rise from the rate to the peak; spike jumps there and back.
        seconds: since the start.
        total: seconds of the whole.
        rate: calls a second.
        peak: calls a second at most.
    """
    if seconds >= total:
        return None
    if shape == "steps":
        return rate + (peak - rate) * int(seconds / total * STEPS) / (STEPS - 1)
    if shape == "spike":
        before, during, _ = SPIKE
        return peak if before <= seconds / total < before + during else rate
    return rate
