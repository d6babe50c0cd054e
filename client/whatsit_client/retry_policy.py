"""How long a call waits and how often it tries again."""

from __future__ import annotations

import math
import random
import time

from whatsit_client.errors import InvalidInput

_FIRST_PAUSE = 0.1
_BUSY_PAUSE = 5.0  # times as long as after a lost connection
_LEAST = 0.001


class Patience:
    """The patience that a client has by default.

    Args:
        timeout: seconds that a call may take, tries included.
        retries: tries after the first.

    Raises:
        InvalidInput: the time is not positive or the number negative.
    """

    def __init__(self, timeout: float, retries: int) -> None:
        if retries < 0:
            raise InvalidInput(f"A call is tried again 0 or more times, not {retries}.")
        self._timeout = _positive(timeout)
        self._retries = retries

    def start(self, timeout: float | None = None) -> Tries:
        """Start the clock of one call, with its own `timeout` in seconds where given."""
        return Tries(self._timeout if timeout is None else _positive(timeout), self._retries)


class Tries:
    """The time and the tries that one call has left."""

    def __init__(self, timeout: float, retries: int) -> None:
        self._deadline = time.monotonic() + timeout
        self._left = retries
        self._pause = _FIRST_PAUSE

    def remaining(self) -> float:
        """Seconds until the deadline, never quite zero."""
        return max(self._deadline - time.monotonic(), _LEAST)

    def pause(self, busy: bool = False) -> float | None:
        """Use up one try: the seconds to wait before it, or None where tries or time have run out.

        Args:
            busy: the server had too much to do: the pause is longer, and a matter of chance within a factor of two, so
                that callers who were refused together do not come back together.
        """
        pause = self._pause * (_BUSY_PAUSE * random.uniform(0.5, 1.0) if busy else 1.0)
        if self._left == 0 or pause >= self.remaining():
            return None
        self._left -= 1
        self._pause *= 3
        return pause


def _positive(timeout: float) -> float:
    if not (math.isfinite(timeout) and timeout > 0):
        raise InvalidInput(f"A time-out is a positive number of seconds, not {timeout}.")
    return float(timeout)
