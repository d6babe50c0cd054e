"""Time limit and retries of a call."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from typing import Any

from tenacity import RetryCallState, retry_if_exception_type, stop_after_attempt, stop_before_delay

from whatsit_client.errors import InvalidInput
from whatsit_client.transport.transport_errors import Busy, ConnectionLost

_FIRST_PAUSE = 0.1  # seconds
_FACTOR = 3.0
_BUSY_PAUSE = 5.0  # times as long as after a lost connection
_LEAST = 0.001


@dataclass(frozen=True)
class RetryPolicy:
    """Time limit and number of retries of a client's calls.

    Args:
        timeout: seconds for a call, retries included.
        retries: attempts after the first; only for a lost connection or a busy server.

    Raises:
        InvalidInput: the time is not positive or the number negative.
    """

    timeout: float
    retries: int

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise InvalidInput(f"A call is tried again 0 or more times, not {self.retries}.")
        Deadline(self.timeout)

    def options(self, timeout: float) -> dict[str, Any]:
        """Return tenacity's arguments for a call of `timeout` seconds."""
        return {
            "retry": retry_if_exception_type((Busy, ConnectionLost)),
            "stop": stop_after_attempt(self.retries + 1) | stop_before_delay(timeout),
            "wait": pause,
            "reraise": True,
        }


class Deadline:
    """The end of a call, `timeout` seconds from now.

    Raises:
        InvalidInput: the time is not positive.
    """

    def __init__(self, timeout: float) -> None:
        if not (math.isfinite(timeout) and timeout > 0):
            raise InvalidInput(f"A time-out is a positive number of seconds, not {timeout}.")
        self._end = time.monotonic() + timeout

    def remaining(self) -> float:
        """Return the seconds that are left, at least a millisecond."""
        return max(self._end - time.monotonic(), _LEAST)


def pause(state: RetryCallState) -> float:
    """Return the seconds before the next attempt.

    The pause triples with each attempt. After a refusal by a busy server it is longer and random within a factor of
    two, so that callers that were refused together do not return together.
    """
    seconds = _FIRST_PAUSE * _FACTOR ** (state.attempt_number - 1)
    busy = state.outcome is not None and isinstance(state.outcome.exception(), Busy)
    return seconds * (_BUSY_PAUSE * random.uniform(0.5, 1.0) if busy else 1.0)
