"""Comparison of two embedders on the calls that both answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ShadowReport:
    """What the log of shadow calls says.

    Args:
        calls: answered by both.
        failed: that the embedder beside could not answer.
        same_first: share of the calls with the same first item, or none in both.
        found: share with an item, by the serving embedder.
        beside_found: the same by the one beside.
        p50_ms: median of the serving embedder.
        p99_ms: 99th percentile.
        beside_p50_ms: median of the one beside.
        beside_p99_ms: 99th percentile.
        differing: the latest pairs of first items that differ.
    """

    calls: int
    failed: int
    same_first: float
    found: float
    beside_found: float
    p50_ms: float
    p99_ms: float
    beside_p50_ms: float
    beside_p99_ms: float
    differing: tuple[tuple[str, str], ...] = ()

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    @classmethod
    def read(cls, log: Path) -> ShadowReport | None:
        """Read a log; None where there is none, or no call in it."""
        rows: list[Mapping[str, Any]] = []
        with suppress(OSError):
            for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
                with suppress(ValueError):
                    rows.append(json.loads(line))
        both = [row for row in rows if row.get("beside_first") is not None]
        if not both:
            return None
        firsts = [(str(row["first"]), str(row["beside_first"])) for row in both]
        differing = [pair for pair in firsts if pair[0] != pair[1]]

        def percentile(key: str, share: float) -> float:
            return round(float(np.percentile([float(row[key]) for row in both], share)), 2)

        return cls(
            len(both),
            len(rows) - len(both),
            round(1 - len(differing) / len(both), 4),
            round(float(np.mean([row["first"] != "" for row in both])), 4),
            round(float(np.mean([row["beside_first"] != "" for row in both])), 4),
            percentile("ms", 50),
            percentile("ms", 99),
            percentile("beside_ms", 50),
            percentile("beside_ms", 99),
            tuple(differing[-10:]),
        )
