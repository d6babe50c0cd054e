"""Course of a load over time, and users who call at random moments at its rate."""

from __future__ import annotations

import random
import time
from typing import Any

STEPS = 5
# Of a spike's whole time: before, during, after.
SPIKE = (0.3, 0.3, 0.4)
# Seconds between two calls of one user, on average: many patient users keep the rate even where answers take seconds.
PERIOD = 4.0


def users_for(rate: float) -> int:
    """How many users call at this rate."""
    return max(1, round(rate * PERIOD))


def poisson(user: Any) -> float:
    """Return the seconds until a user's next call; 0 after a long answer."""
    now = time.perf_counter()
    due = getattr(user, "due", now) + random.expovariate(1.0 / PERIOD)
    user.due = max(due, now - PERIOD)  # who waited for long does not make up for all of it at once
    return max(0.0, float(user.due - now))


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
