"""Report of an ingestion."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from whatsit.catalogue.sources.source_row import Skipped

# Where a million rows share one placeholder, the report must not grow with them.
MOST_NOTES = 10_000


@dataclass
class Report:
    """The outcome of an ingestion so far.

    Args:
        added: new items.
        updated: items that were there and are different now.
        unchanged: items that were there just so, with vectors of this embedder.
        skipped: rows and pictures that were left out, and why; the first `MOST_NOTES`.
        notes: findings about what was kept, such as one file under two items or an unreadable price; the first
            `MOST_NOTES`.
        skipped_count: how many were left out.
        note_count: how many notes there were.
        skipped_rows: how many rows were left out whole.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[Skipped] = field(default_factory=list)
    skipped_count: int = 0
    note_count: int = 0
    skipped_rows: int = 0

    @property
    def kept(self) -> int:
        """Items that are in the store now."""
        return self.added + self.updated + self.unchanged

    def skip(self, *left_out: Skipped) -> None:
        """Count rows or pictures that were left out."""
        self.skipped_count += len(left_out)
        self.skipped.extend(left_out[: MOST_NOTES - len(self.skipped)])

    def note(self, *found: Skipped) -> None:
        """Count findings about kept pictures."""
        self.note_count += len(found)
        self.notes.extend(found[: MOST_NOTES - len(self.notes)])

    def to_record(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "added": self.added,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "skipped": [{"place": one.place, "reason": one.reason} for one in self.skipped],
            "skipped_count": self.skipped_count,
            "skipped_rows": self.skipped_rows,
            "notes": [{"place": one.place, "reason": one.reason} for one in self.notes],
            "note_count": self.note_count,
        }
