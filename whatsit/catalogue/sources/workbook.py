"""Workbooks of Excel and OpenDocument."""

from __future__ import annotations

import datetime
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue.sources.column_map import SourceOptions
from whatsit.catalogue.sources.header_names import normalised, recognised
from whatsit.catalogue.sources.record import Record
from whatsit.catalogue.sources.source_row import Skipped
from whatsit.catalogue.sources.table import unique_names
from whatsit.catalogue.sources.workbook_pictures import pictures_by_row

ENDINGS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_HEADER_WITHIN = 20
_MOST_CELLS = 50_000_000
_MOST_BYTES = 1 << 30
_PLACE = re.compile(rb'<c[^>]*? r="([A-Z]{1,3})(\d{1,7})"')


class Workbook:
    """The sheet of a workbook whose header is best known.

    Pictures drawn over cells or placed in them (xlsx) are those of their rows.

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
        self._pictures = pictures_by_row(path, name)
        self.has_pictures = any(row >= self._first for row in self._pictures)
        others = [other for other, rows in sheets.items() if other != name and rows]
        self.notes = [f"the sheet '{name}' is read, and not {', '.join(others)[:200]}"] if others else []
        if self.has_pictures:
            self.notes.append("the pictures in its rows are read, and kept in the catalogue's folder")
        if any(any(map(_name, cells)) for cells in sheets[name][:row]):
            self.notes.append(f"the rows above the header in row {row + 1} are passed over")

    def count(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    def records(self) -> Iterator[Record | Skipped]:
        """Return every row that is not empty."""
        for number, cells in enumerate(self._rows, start=self._first):
            images = tuple(self._pictures.get(number, ()))
            values = [None if _is_picture(cell) and images else _value(cell) for cell in cells]
            if not images and all(value is None for value in values):
                continue
            place = f"{self.path} row {number}"
            if any(value is not None for value in values[len(self.columns) :]):
                yield Skipped(place, f"it has values beyond its {len(self.columns)} columns")
            else:
                yield Record(dict(zip(self.columns, values, strict=False)), place, images=images)
        for number in sorted(row for row in self._pictures if row >= self._first + len(self._rows)):
            yield Skipped(f"{self.path} row {number}", "it has a picture and no values")


def _is_picture(cell: Any) -> bool:
    """Return whether a cell's value stands for the picture in it."""
    return isinstance(cell, str) and ("DISPIMG(" in cell or cell == "#VALUE!")


def _sheets(path: Path) -> dict[str, list[list[Any]]]:
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ModuleNotFoundError as error:
        raise Unavailable("Workbooks need python-calamine: pip install 'whatsit[pipeline]'.") from error
    _check_extent(path)
    try:
        book = CalamineWorkbook.from_path(str(path))
        return {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}
    except (CalamineError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InvalidInput(f"{path} cannot be read as a workbook ({reason}).") from error


def _check_extent(path: Path) -> None:
    """Refuse a workbook whose last cell is too far out for the memory.

    The reader lays out every cell up to the last one that has a value.

    Raises:
        InvalidInput: it is so.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        if sum(one.file_size for one in archive.infolist()) > _MOST_BYTES:
            raise InvalidInput(f"{path} unpacks to more than {_MOST_BYTES >> 20} MB; save it as CSV.")
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                try:
                    places = set(_PLACE.findall(archive.read(name)))
                except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
                    raise InvalidInput(f"{path} cannot be read as a workbook ({error}).") from error
                rows = max((int(row) for _, row in places), default=0)
                columns = max((_number(letters) for letters, _ in places), default=0)
                if rows * columns > _MOST_CELLS:
                    raise InvalidInput(
                        f"{path} has a cell in row {rows} and one in column {columns}, far from a table; delete them."
                    )


def _number(letters: bytes) -> int:
    """Return the number of a column, 1 for A."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


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
