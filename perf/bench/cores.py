"""Cores of servers and of their callers."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass

_FEWEST = 4
_SHARE = 6


@dataclass(frozen=True)
class Cores:
    """Where servers and callers run.

    Args:
        servers: cores of the servers.
        callers: cores of the callers; the same where there are too few to part them.
    """

    servers: frozenset[int]
    callers: frozenset[int]

    @classmethod
    def parted(cls, cores: Collection[int]) -> Cores:
        """Return one core in six for the callers, where there are four or more."""
        known = sorted(cores)
        if len(known) < _FEWEST:
            return cls(frozenset(known), frozenset(known))
        callers = known[-max(1, len(known) // _SHARE) :]
        return cls(frozenset(known) - frozenset(callers), frozenset(callers))

    @property
    def are_parted(self) -> bool:
        """Return whether servers and callers have different cores."""
        return self.servers != self.callers

    def __str__(self) -> str:
        if not self.are_parted:
            return f"servers and callers share {len(self.servers)} cores"
        return f"servers on {len(self.servers)} cores, callers on {len(self.callers)} others"


def available() -> frozenset[int]:
    """Return the cores of this process."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def move_to(cores: Collection[int]) -> None:
    """Run this process, and those that it starts from now on, on some cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
