"""One record of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from whatsit.catalogue.sources.picture_location import Image


@dataclass(frozen=True)
class Record:
    """One record of a table.

    Args:
        values: column -> value.
        place: for people: file and line.
        note: what is odd about it, None for nothing.
        images: that lie in the table itself.
    """

    values: dict[str, Any]
    place: str
    note: str | None = None
    images: tuple[Image, ...] = ()
