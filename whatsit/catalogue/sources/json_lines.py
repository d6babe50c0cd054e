"""JSON Lines: one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources.source_row import Row, Skipped
from whatsit.catalogue.sources.table_columns import row_of


class JsonLines:
    """A file with one JSON object per line in UTF-8; empty lines are passed over.

    Args:
        path: the file.

    Raises:
        InvalidInput: it is empty.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not self.count():
            raise InvalidInput(f"{path} is empty; it holds one JSON object per line.")

    def count(self) -> int:
        """Return the number of lines that are not empty."""
        with self.path.open("rb") as file:
            return sum(1 for line in file if line.strip())

    def __iter__(self) -> Iterator[Row | Skipped]:
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                place = f"{self.path} line {number}"
                try:
                    values = json.loads(line.decode("utf-8-sig"))
                except UnicodeDecodeError:
                    yield Skipped(place, "it is not UTF-8")
                except (ValueError, RecursionError) as error:
                    yield Skipped(place, f"it is not JSON ({error})")
                else:
                    if isinstance(values, dict):
                        yield row_of(values, self.path.parent, place)
                    else:
                        yield Skipped(place, "it is not a JSON object")
