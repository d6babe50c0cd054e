"""End of a child process with its parent."""

from __future__ import annotations

import ctypes
import signal


def die_with_parent() -> None:
    """Make Linux end this process if its parent is killed."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
