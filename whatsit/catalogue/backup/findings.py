"""What verifying a catalogue or a back-up found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["database", "index", "vector", "picture", "orphan", "checksum"]


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong.

    Args:
        kind: of it.
        place: file or item.
        what: is wrong with it, without a full stop.
    """

    kind: Kind
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place} {self.what}"


@dataclass
class Findings:
    """What was looked at, and what is wrong.

    Args:
        items: in the catalogue.
        vectors: that were compared with the index.
        pictures: whose bytes were compared.
        unchecked: pictures that are on the web alone.
        files: whose checksums were compared.
        problems: all of them.
        notes: sentences about what is not wrong and worth knowing.
    """

    items: int = 0
    vectors: int = 0
    pictures: int = 0
    unchecked: int = 0
    files: int = 0
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, kind: Kind, place: object, what: str) -> None:
        """Record a problem."""
        self.problems.append(Problem(kind, str(place), what))

    def to_record(self) -> dict[str, Any]:
        """Return a JSON object."""
        return {
            "items": self.items,
            "vectors": self.vectors,
            "pictures": self.pictures,
            "unchecked": self.unchecked,
            "files": self.files,
            "problems": [{"kind": one.kind, "place": one.place, "what": one.what} for one in self.problems],
            "notes": self.notes,
        }
