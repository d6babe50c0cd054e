"""A budget of bytes over time (token bucket)."""

from __future__ import annotations

from whatsit_client.errors import InvalidInput


class Bandwidth:
    """Bytes that may be sent.

    Args:
        bytes_per_minute: None for no limit. Unused bytes of one minute are kept.

    Raises:
        InvalidInput: the budget is not above 0.
    """

    def __init__(self, bytes_per_minute: float | None) -> None:
        if bytes_per_minute is not None and not bytes_per_minute > 0:
            raise InvalidInput(f"The budget is {bytes_per_minute} bytes a minute: give a number above 0, or none.")
        self._limit = bytes_per_minute
        self._left = bytes_per_minute or 0.0
        self._time_ms: float | None = None

    def take(self, size: int, time_ms: float) -> bool:
        """Take bytes from the budget; return whether there were enough."""
        if self._limit is None:
            return True
        passed = 0.0 if self._time_ms is None else max(0.0, time_ms - self._time_ms)
        self._time_ms = time_ms
        self._left = min(self._limit, self._left + passed * self._limit / 60_000)
        if size > self._left:
            return False
        self._left -= size
        return True
