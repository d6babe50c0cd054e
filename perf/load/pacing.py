"""Pacing of users: random moments at the asked rate, whatever answers take."""

from __future__ import annotations

import random
import time
from typing import Any

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
