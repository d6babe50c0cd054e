"""JSON Lines: one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources.column_map import ColumnMap, SourceOptions
from whatsit.catalogue.sources.record import Record
from whatsit.catalogue.sources.source_row import Skipped

_SAMPLE = 100


class JsonLines:
    """A file with one JSON object per line in UTF-8; empty lines are passed over.

    Args:
        path: the file.
        options: what the caller knows.

    Raises:
        InvalidInput: it is empty.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self.path = path
        self.notes: list[str] = []
        if not self.count():
            raise InvalidInput(f"{path} is empty; it holds one JSON object per line.")
        names: dict[str, None] = {}
        for record, _ in zip(self.records(), range(_SAMPLE), strict=False):
            names |= dict.fromkeys(record.values) if isinstance(record, Record) else {}
        # Where no line has an id, every line is refused with its own reason.
        known = ColumnMap.of(list(names), SourceOptions())
        self.columns = list(names) if options.columns or known.has("id") else [*names, "id", "image"]

    def count(self) -> int:
        """Return the number of lines that are not empty."""
        with self.path.open("rb") as file:
            return sum(1 for line in file if line.strip())

    def records(self) -> Iterator[Record | Skipped]:
        """Return every line's object."""
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _record(line, f"{self.path} line {number}")


def _record(line: bytes, place: str) -> Record | Skipped:
    try:
        values: Any = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return Skipped(place, "it is not UTF-8")
    except (ValueError, RecursionError) as error:
        return Skipped(place, f"it is not JSON ({error})")
    return Record(values, place) if isinstance(values, dict) else Skipped(place, "it is not a JSON object")
