"""JSON files: a list of objects, or an object that holds one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources.column_map import ColumnMap, SourceOptions
from whatsit.catalogue.sources.record import Record
from whatsit.catalogue.sources.source_row import Skipped

_LISTS = ("items", "products", "data", "results", "records", "rows")
_MOST_BYTES = 1 << 30


class JsonFile:
    """A file with one list of objects, such as `whatsit catalogue list --json` prints.

    Args:
        path: the file.
        options: what the caller knows.

    Raises:
        InvalidInput: it is no such file.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self.path = path
        self.notes: list[str] = []
        if path.stat().st_size > _MOST_BYTES:
            raise InvalidInput(f"{path} is over 1 GiB; write it as JSON Lines, one object a line.")
        try:
            found: Any = json.loads(path.read_text(encoding=options.encoding or "utf-8-sig"))
        except (ValueError, RecursionError, LookupError) as error:
            raise InvalidInput(
                f"{path} is not JSON ({str(error)[:100]}); a file with an object a line is named .jsonl."
            ) from error
        if isinstance(found, dict):
            name = next((name for name in _LISTS if isinstance(found.get(name), list)), None)
            count = found.get("count")
            found = found[name] if name else [found]
            if isinstance(count, int) and count > len(found):
                self.notes.append(f"it is a page of {len(found)} of {count} items; 'list --limit' prints more")
        if not isinstance(found, list) or not found:
            raise InvalidInput(f"{path} holds no list of objects.")
        self._values: list[Any] = found
        names = dict.fromkeys(str(name) for one in found[:100] if isinstance(one, dict) for name in one)
        known = ColumnMap.of(list(names), SourceOptions())
        self.columns = list(names) if options.columns or known.has("id") else [*names, "id", "image"]

    def count(self) -> int:
        """Return the number of objects."""
        return len(self._values)

    def records(self) -> Iterator[Record | Skipped]:
        """Return every object."""
        for number, values in enumerate(self._values, start=1):
            place = f"{self.path} object {number}"
            yield Record(values, place) if isinstance(values, dict) else Skipped(place, "it is not a JSON object")
