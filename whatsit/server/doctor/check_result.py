"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class CheckResult:
    """What one check found.

    Args:
        area: machine, libraries, networks, ports or catalogue.
        state: "ok"; "note", where something may be better; "wrong", where a server or a command would fail.
        what: was found, a sentence without a full stop.
        advice: what to do, a sentence without a full stop; "" where there is nothing to do.
    """

    area: str
    state: State
    what: str
    advice: str = ""


def ok(area: str, what: str) -> CheckResult:
    """Return the result of a check that found nothing wrong."""
    return CheckResult(area, "ok", what)


def note(area: str, what: str, advice: str) -> CheckResult:
    """Return the result of a check that found what may be better."""
    return CheckResult(area, "note", what, advice)


def wrong(area: str, what: str, advice: str) -> CheckResult:
    """Return the result of a check that found what will fail."""
    return CheckResult(area, "wrong", what, advice)
