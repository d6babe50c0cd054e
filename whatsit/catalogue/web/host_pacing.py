"""Hosts during a run of downloads: when to ask again, and whether."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from whatsit_client.errors import InvalidInput

MOST_WAIT = 60.0
# Files in a row that could not be had from a host, by the reason; then it is not asked again.
MOST_FAILURES = {"too slow": 3, "too busy": 5, "not reachable": 10}


@dataclass
class _Host:
    again: float = 0.0
    failures: int = 0


class HostPacing:
    """Keeps threads from asking a host that wants a pause, or that does not answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: defaultdict[str, _Host] = defaultdict(_Host)

    def __reduce__(self) -> tuple[Any, ...]:
        return HostPacing, ()  # each process of a cluster sees hosts by itself

    def await_turn(self, host: str) -> None:
        """Wait until a host may be asked.

        Raises:
            InvalidInput: it was given up.
        """
        with self._lock:
            known = self._hosts[host]
            again = known.again
            if isinstance(known, _GivenUp):
                raise InvalidInput(known.sentence)
        pause = again - time.monotonic()
        if pause > 0:
            time.sleep(min(pause, MOST_WAIT))

    def pause(self, host: str, seconds: float) -> None:
        """Note that a host wants not to be asked for some time."""
        with self._lock:
            known = self._hosts[host]
            known.again = max(known.again, time.monotonic() + min(seconds, MOST_WAIT))

    def succeeded(self, host: str) -> None:
        """Note that a host answered."""
        with self._lock:
            if not isinstance(self._hosts[host], _GivenUp):
                self._hosts[host].failures = 0

    def failed(self, host: str, reason: str) -> None:
        """Note that a file could not be had for a reason of `MOST_FAILURES`."""
        with self._lock:
            known = self._hosts[host]
            known.failures += 1
            if known.failures >= MOST_FAILURES[reason]:
                self._hosts[host] = _GivenUp(
                    sentence=(
                        f"the host {host[:100]} was {reason} {known.failures} times in a row, and is not asked again; "
                        "run the same command later"
                    )
                )


@dataclass
class _GivenUp(_Host):
    sentence: str = ""


def retry_after(header: str | None) -> float | None:
    """Return the seconds that a header `Retry-After` asks for, or None.

    It holds seconds or a date (RFC 9110).
    """
    if not header:
        return None
    text = header.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    return max((when - datetime.now(timezone.utc)).total_seconds(), 0.0)
