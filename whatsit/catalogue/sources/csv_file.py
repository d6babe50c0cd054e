"""CSV files, as shops and spreadsheets write them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources.source_row import Row, Skipped
from whatsit.catalogue.sources.table_columns import check_columns, row_of


class CommaSeparated:
    """A CSV file in UTF-8 with a header line; separated by `,`, `;` or tabs.

    Args:
        path: the file.

    Raises:
        InvalidInput: it is empty, or its header lacks `id` or `image`.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as file:
            header = file.readline(100_000)
        self._delimiter = max(",;\t", key=header.count)
        with self._open() as file:
            try:
                self._columns = [name.strip() for name in next(csv.reader(file, delimiter=self._delimiter), [])]
            except csv.Error as error:
                raise InvalidInput(f"{path} does not begin with a header line ({error}).") from error
        if not self._columns:
            raise InvalidInput(f"{path} is empty; it begins with a header line such as id,title,price,image.")
        check_columns(path, self._columns)

    def count(self) -> int:
        """Return the number of lines under the header."""
        with self.path.open("rb") as file:
            return max(sum(1 for line in file if line.strip()) - 1, 0)

    def __iter__(self) -> Iterator[Row | Skipped]:
        with self._open() as file:
            reader = csv.reader(file, delimiter=self._delimiter)
            next(reader)
            while True:
                try:
                    values = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield Skipped(f"{self.path} line {reader.line_num}", f"it is not readable as CSV ({error})")
                    continue
                if values:
                    yield self._row(values, f"{self.path} line {reader.line_num}")

    def _row(self, values: list[str], place: str) -> Row | Skipped:
        if len(values) > len(self._columns):
            return Skipped(place, f"it has {len(values)} values for {len(self._columns)} columns")
        if any("\udc80" <= c <= "\udcff" for value in values for c in value):
            return Skipped(place, "it is not UTF-8")
        return row_of(dict(zip(self._columns, values, strict=False)), self.path.parent, place)

    def _open(self) -> TextIO:
        # Bytes that are no UTF-8 become lone surrogates, so that one bad row does not cost the others.
        return self.path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
