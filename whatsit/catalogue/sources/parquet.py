"""Parquet files, as data warehouses export them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources.column_map import SourceOptions
from whatsit.catalogue.sources.record import Record
from whatsit.catalogue.sources.source_row import Skipped

_ROWS_AT_ONCE = 256


class Parquet:
    """A Parquet file; `image` is a column of text or of lists of text.

    Args:
        path: the file.
        options: what the caller knows.

    Raises:
        InvalidInput: it is no Parquet file.
    """

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self.path = path
        self.notes: list[str] = []
        with self._open() as file:
            self._rows = int(file.metadata.num_rows)
            self.columns = [str(name) for name in file.schema_arrow.names]

    def count(self) -> int:
        """Return the number of rows."""
        return self._rows

    def records(self) -> Iterator[Record | Skipped]:
        """Return every row."""
        number = 0
        with self._open() as file:
            try:
                for batch in file.iter_batches(_ROWS_AT_ONCE):
                    for values in batch.to_pylist():
                        number += 1
                        yield Record(values, f"{self.path} row {number}")
            except (OSError, ValueError) as error:
                reason = f"they cannot be read ({str(error).splitlines()[0][:200]})"
                yield Skipped(f"{self.path} rows {number + 1} to {self._rows}", reason)

    def _open(self) -> Any:
        import pyarrow.parquet

        try:
            return pyarrow.parquet.ParquetFile(self.path)
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0][:200]
            raise InvalidInput(f"{self.path} cannot be read as Parquet ({reason}).") from error
