"""Workbooks of Excel and OpenDocument."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue.sources.column_map import SourceOptions
from whatsit.catalogue.sources.header_names import normalised, recognised
from whatsit.catalogue.sources.record import Record
from whatsit.catalogue.sources.source_row import Skipped
from whatsit.catalogue.sources.table import unique_names

ENDINGS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_HEADER_WITHIN = 20


class Workbook:
    """The sheet of a workbook whose header is best known.

    Pictures placed in cells are not read.

    Args:
        path: the file.
        options: what the caller knows.

    Raises:
        InvalidInput: it is no workbook, or holds no table.
        Unavailable: python-calamine is not installed.
    """

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self.path = path
        sheets = _sheets(path)
        mapped = {normalised(name) for name in options.columns.values()}
        found = [(*_header(rows, mapped), -n, name) for n, (name, rows) in enumerate(sheets.items())]
        count, row, _, name = max(found, key=lambda one: (one[0], one[2]), default=(0, 0, 0, ""))
        if not count:
            raise InvalidInput(f"{path} holds no table; it begins with a row of names such as id, title, price, image.")
        self._rows, self._first = sheets[name][row + 1 :], row + 2
        names = [_name(cell) for cell in sheets[name][row]]
        while names and not names[-1]:
            names.pop()
        self.columns = unique_names(names)
        others = [other for other, rows in sheets.items() if other != name and rows]
        self.notes = [f"the sheet '{name}' is read, and not {', '.join(others)[:200]}"] if others else []
        if any(any(map(_name, cells)) for cells in sheets[name][:row]):
            self.notes.append(f"the rows above the header in row {row + 1} are passed over")

    def count(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    def records(self) -> Iterator[Record | Skipped]:
        """Return every row that is not empty."""
        for number, cells in enumerate(self._rows, start=self._first):
            values = [_value(cell) for cell in cells]
            if all(value is None for value in values):
                continue
            place = f"{self.path} row {number}"
            if any(value is not None for value in values[len(self.columns) :]):
                yield Skipped(place, f"it has values beyond its {len(self.columns)} columns")
            else:
                yield Record(dict(zip(self.columns, values, strict=False)), place)


def _sheets(path: Path) -> dict[str, list[list[Any]]]:
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ModuleNotFoundError as error:
        raise Unavailable("Workbooks need python-calamine: pip install 'whatsit[pipeline]'.") from error
    try:
        book = CalamineWorkbook.from_path(str(path))
        return {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}
    except (CalamineError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InvalidInput(f"{path} cannot be read as a workbook ({reason}).") from error


def _header(rows: Sequence[Sequence[Any]], mapped: set[str]) -> tuple[int, int]:
    """Return the best header row's count of fields plus one, and its number."""
    best = (0, 0)
    for number, cells in enumerate(rows[:_HEADER_WITHIN]):
        names = [name for cell in cells if (name := _name(cell))]
        if names:
            fields = recognised(names)
            count = 1 + len(fields) + ("id" in fields) + sum(normalised(name) in mapped for name in names)
            best = max(best, (count, number), key=lambda one: one[0])
    return best


def _name(cell: Any) -> str:
    return str(_value(cell) or "").strip()


def _value(cell: Any) -> Any:
    """Return a cell as a table's value: whole numbers, text for dates, or None."""
    if isinstance(cell, bool):
        return cell
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    if isinstance(cell, (datetime.date, datetime.time, datetime.timedelta)):
        return cell.isoformat() if not isinstance(cell, datetime.timedelta) else str(cell)
    return None if isinstance(cell, str) and not cell.strip() else cell
