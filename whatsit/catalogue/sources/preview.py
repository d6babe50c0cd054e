"""Preview of a source: what is understood, without reading pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whatsit.catalogue.sources.column_map import SourceOptions
from whatsit.catalogue.sources.open_source import open_source
from whatsit.catalogue.sources.picture_location import path_of
from whatsit.catalogue.sources.remote_source import CopiedSource
from whatsit.catalogue.sources.source_row import Row, Skipped
from whatsit.catalogue.sources.table import Table, TableSource
from whatsit.catalogue.sources.zip_archive import ZipArchive
from whatsit.catalogue.web import Downloads

MOST_SKIPPED = 1000


@dataclass
class Preview:
    """What is understood of a source.

    Args:
        path: of it.
        columns: column -> field, "attribute" for those that are none; empty where it is no table.
        dialect: how the file is written: kind, and of a text table encoding and delimiter.
        guesses: what was guessed.
        rows: the first rows as records.
        items: rows that would be taken.
        skipped: what would be skipped, and why; the first `MOST_SKIPPED`.
        skipped_count: how many would be skipped.
        notes: parts of rows that would be left out.
        note_count: how many parts.
    """

    path: Path | str
    columns: dict[str, str] = field(default_factory=dict)
    guesses: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    items: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    skipped_count: int = 0
    notes: list[Skipped] = field(default_factory=list)
    note_count: int = 0
    dialect: dict[str, str] = field(default_factory=dict)

    def to_record(self) -> dict[str, Any]:
        """Return the preview as a JSON object."""
        parts = {"skipped": self.skipped, "notes": self.notes}
        listed = {name: [{"place": one.place, "reason": one.reason} for one in found] for name, found in parts.items()}
        counts = {"items": self.items, "skipped_count": self.skipped_count, "note_count": self.note_count}
        plain = {"columns": self.columns, "guesses": self.guesses, "rows": self.rows}
        return {"source": str(self.path), **plain, **counts, **listed}


def preview(
    path: Path | str, options: SourceOptions | None = None, rows: int = 10, downloads: Downloads | None = None
) -> Preview:
    """Read a whole source, but none of its pictures.

    Args:
        path: see `open_source`.
        options: what the caller knows.
        rows: how many are kept as records.
        downloads: the limits of the web.

    Raises:
        InvalidInput: see `open_source`.
    """
    source = open_source(path, options, downloads)
    found = Preview(path, guesses=source.notes())
    table = source.copied if isinstance(source, CopiedSource) else source
    table = (table.table or table) if isinstance(table, ZipArchive) else table
    if isinstance(table, TableSource):
        found.columns = {name: table.columns.fields.get(name, "attribute") for name in table.table.columns}
        found.dialect = dialect_of(table.table)
    seen: dict[str, str] = {}
    for row in source:
        refused = row if isinstance(row, Skipped) else _refusal(row, seen)
        if refused is not None:
            found.skipped_count += 1
            found.skipped += [refused] if len(found.skipped) < MOST_SKIPPED else []
            continue
        assert isinstance(row, Row)
        found.items += 1
        found.note_count += len(row.notes)
        found.notes += [Skipped(row.place, note) for note in row.notes[: MOST_SKIPPED - len(found.notes)]]
        if len(found.rows) < rows:
            found.rows.append(_record(row))
    return found


def dialect_of(table: Table) -> dict[str, str]:
    """Return how a table is written: its kind and what its file adds."""
    return {"kind": table.path.suffix.lstrip(".").upper(), **getattr(table, "dialect", {})}


def _refusal(row: Row, seen: dict[str, str]) -> Skipped | None:
    first = seen.setdefault(row.fields.id, row.place)
    if first != row.place:
        return Skipped(row.place, f"the id '{row.fields.id}' is already that of {first}")
    missing = [image for image in row.images if isinstance(image, Path) and not _is_file(image)]
    if row.images and len(missing) == len(row.images):
        return Skipped(row.place, f"there is no picture {missing[0]}")
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _record(row: Row) -> dict[str, Any]:
    names = ("id", "title", "brand", "category", "price", "url")
    record = {name: getattr(row.fields, name) for name in names}
    return {**record, "images": [path_of(image) for image in row.images], "attributes": dict(row.fields.attributes)}
