"""What came of each call, and what is required of them all."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from perf.common.tables import read_rows

OK, REFUSED, FAILED = "ok", "refused", "failed"


class TooMany(Exception):
    """The server refused a call because it had too many: HTTP 503 or gRPC UNAVAILABLE."""


@dataclass(frozen=True)
class Outcome:
    """One call.

    Args:
        start: Unix seconds.
        protocol: HTTP or gRPC.
        name: of the call.
        ms: until the answer.
        outcome: ok, refused (there were too many) or failed.
        message: why not ok.
    """

    start: float
    protocol: str
    name: str
    ms: float
    outcome: str
    message: str = ""


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the smallest value that a share does not exceed; NaN of no values."""
    known = list(values)
    return float(np.percentile(known, percent, method="inverted_cdf")) if known else math.nan


def share(outcomes: Sequence[Outcome], kind: str) -> float:
    """Return the share of the calls with an outcome."""
    return sum(one.outcome == kind for one in outcomes) / len(outcomes) if outcomes else 0.0


def answered(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the calls of identify that were answered well."""
    return [one for one in outcomes if one.outcome == OK and one.name.startswith("identify")]


def shortcomings(outcomes: Sequence[Outcome], p99_ms: float, failures: float, refused: float) -> list[str]:
    """Return a sentence for each requirement that was not met; none when all is well.

    Args:
        outcomes: of all calls.
        p99_ms: milliseconds that 99 percent of the answers of identify may take.
        failures: share of the calls that may fail, 0..1.
        refused: share of the calls that may be refused, 0..1.
    """
    if not outcomes:
        return ["No call was made."]
    p99 = percentile((one.ms for one in answered(outcomes)), 99)
    found = [] if p99 <= p99_ms else [f"p99 of identify was {p99:.0f} ms, and {p99_ms:g} ms were allowed."]
    for kind, most in ((FAILED, failures), (REFUSED, refused)):
        if share(outcomes, kind) > most:
            found.append(f"{share(outcomes, kind):.2%} of the calls were {kind}, and {most:.2%} were allowed.")
    return found


def write_outcomes(path: Path, outcomes: Iterable[Outcome]) -> None:
    """One line per call."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow([field.name for field in fields(Outcome)])
        rows.writerows(astuple(one) for one in outcomes)


def read_outcomes(path: Path) -> list[Outcome]:
    """What `write_outcomes` wrote."""
    return [Outcome(**(row | {"start": float(row["start"]), "ms": float(row["ms"])})) for row in read_rows(path)]  # type: ignore[arg-type]
