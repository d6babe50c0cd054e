"""One record of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Record:
    """One record of a table: column -> value, and its place for people."""

    values: dict[str, Any]
    place: str
