"""Rows of a source: items with the places of their pictures, and skipped rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from whatsit.catalogue.item import ItemFields
from whatsit.catalogue.sources.picture_location import Image


@dataclass(frozen=True)
class Row:
    """One readable row.

    Args:
        fields: what it says.
        images: where the pictures lie, the main one first; at least one.
        place: for people: file and line.
    """

    fields: ItemFields
    images: tuple[Image, ...]
    place: str


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

    def __iter__(self) -> Iterator[Row | Skipped]:
        """Return every row in order; one that cannot be read is skipped with its reason."""
