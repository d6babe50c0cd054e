"""Text tables, as shops and spreadsheets write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources.column_map import SourceOptions
from whatsit.catalogue.sources.csv_dialect import find_dialect, records_of
from whatsit.catalogue.sources.record import Record
from whatsit.catalogue.sources.source_row import Skipped
from whatsit.catalogue.sources.table import unique_names
from whatsit.catalogue.sources.text_encoding import find_encoding, is_utf8_read_as

_DAMAGED = re.compile("[\udc80-\udcff\ufffd]")  # what stands for bytes that are no letters


class CommaSeparated:
    """A text table with a header line, in any usual encoding and dialect.

    Args:
        path: the file.
        options: what the caller knows.

    Raises:
        InvalidInput: it is empty.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self.path = path
        self._encoding = find_encoding(path, options.encoding)
        try:
            with self._open() as file:
                self._dialect = find_dialect(file, options.columns.values(), path)
        except UnicodeError as error:
            raise InvalidInput(f"{path} is not {self._encoding.name} ({error}); name it with --encoding.") from error
        if not self._dialect.columns:
            raise InvalidInput(f"{path} is empty; it begins with a header line such as id,title,price,image.")
        self.columns = unique_names(self._dialect.columns)
        notes = [self._encoding.note] if self._encoding.note else []
        self.notes = [*notes, *self._dialect.notes]

    @property
    def dialect(self) -> dict[str, str]:
        """Return how the file is written: encoding, delimiter and quote."""
        return {
            "encoding": self._encoding.name,
            "delimiter": self._dialect.delimiter,
            "quote": self._dialect.quote,
        }

    def count(self) -> int:
        """Return about the number of lines under the header."""
        with self.path.open("rb") as file:
            return max(sum(1 for line in file if line.strip()) - 1, 0)

    def records(self) -> Iterator[Record | Skipped]:
        """Return every record under the header."""
        with self._open() as file:
            for _ in range(self._dialect.header - 1):
                file.readline()
            raw = records_of(file, self._dialect)
            next(raw, None)
            for one in raw:
                place = f"{self.path} line {one.line + self._dialect.header - 1}"
                if one.values is None:
                    yield Skipped(place, f"it is not readable as CSV ({one.problem})")
                elif any(value.strip() for value in one.values):
                    yield self._record(one.values, place)

    def _record(self, values: list[str], place: str) -> Record | Skipped:
        extra = values[len(self.columns) :]
        if any(value.strip() for value in extra):
            return Skipped(place, f"it has {len(values)} values for {len(self.columns)} columns")
        if any(map(_DAMAGED.search, values)):
            name = "UTF-8" if self._encoding.name.startswith("utf-8") else self._encoding.name
            return Skipped(place, f"it is not {name}")
        if self._encoding.note and is_utf8_read_as(" ".join(values), self._encoding.name):
            return Skipped(place, f"it is UTF-8, and the other lines are {self._encoding.name}")
        short = self._dialect.is_full and len(values) < len(self.columns)
        note = f"it has only {len(values)} values for {len(self.columns)} columns" if short else None
        return Record(dict(zip(self.columns, values, strict=False)), place, note)

    def _open(self) -> TextIO:
        # Bytes that are no UTF-8 become lone surrogates, so that one bad row does not cost the others.
        errors = "surrogateescape" if self._encoding.name.startswith("utf-8") else "replace"
        return self.path.open(encoding=self._encoding.name, errors=errors, newline="")
