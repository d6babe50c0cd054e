"""Rows of a source: items with the places of their pictures, and skipped rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from whatsit.catalogue.item import ItemFields
from whatsit.catalogue.sources.picture_location import Image


@dataclass(frozen=True)
class Row:
    """One readable row.

    Args:
        fields: what it says.
        images: where the pictures lie, the main one first; none where a row changes an item that is there.
        place: for people: file and line.
        given: the fields beside the id that the row says something about; None for all, so that it replaces the item.
        cleared: attributes that the row empties.
        notes: for people: parts of the row that are left out.
    """

    fields: ItemFields
    images: tuple[Image, ...]
    place: str
    given: frozenset[str] | None = None
    cleared: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def onto(self, before: ItemFields) -> ItemFields:
        """Return the fields of an item after this row; all others stay."""
        if self.given is None:
            return self.fields
        attributes = {name: value for name, value in before.attributes.items() if name not in self.cleared}
        changed = {name: getattr(self.fields, name) for name in self.given}
        return replace(before, attributes={**attributes, **self.fields.attributes}, **changed)


@dataclass(frozen=True)
class Skipped:
    """Something that was left out.

    Args:
        place: for people: file and line, or the picture.
        reason: why, without a full stop.
    """

    place: str
    reason: str


class Source(Protocol):
    """A merchant's file or folder; may be gone through again and again."""

    def count(self) -> int:
        """About how many rows it has, for a progress bar."""

    def notes(self) -> list[str]:
        """Return what was guessed about the whole of it, in sentences without a full stop."""

    def __iter__(self) -> Iterator[Row | Skipped]:
        """Return every row in order; one that cannot be read is skipped with its reason."""
