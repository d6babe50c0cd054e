"""A table of any kind: columns, records, and items made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources.cloud_image import CloudImage
from whatsit.catalogue.sources.column_map import ColumnMap, SourceOptions, check_map
from whatsit.catalogue.sources.picture_location import Image, TarImage, ZipImage, path_of
from whatsit.catalogue.sources.price import PriceColumn
from whatsit.catalogue.sources.record import Record
from whatsit.catalogue.sources.shop_exports import find_export
from whatsit.catalogue.sources.source_row import Row, Skipped
from whatsit.catalogue.sources.table_columns import row_of

NO_IMAGE = "no column of pictures is recognised; rows change items that the catalogue has, and add none"


class Table(Protocol):
    """A file of records.

    Args:
        path: the file.
        columns: their names; of a file without a header those of its first records.
        notes: for people: what was guessed.
    """

    path: Path
    columns: list[str]
    notes: list[str]

    def count(self) -> int:
        """Return about how many records there are."""

    def records(self) -> Iterator[Record | Skipped]:
        """Return every record in order."""


def unique_names(names: Iterable[str]) -> list[str]:
    """Return columns' names, numbered where one is empty or there already."""
    found: list[str] = []
    for number, name in enumerate(names, start=1):
        name = name.strip() or f"column {number}"
        second = 2
        plain = name
        while name in found and plain.lower() not in ("id", "title", "brand", "category", "price", "url"):
            name = f"{plain} ({second})"
            second += 1
        found.append(name)
    return found


def _noted(row: Row | Skipped, note: str) -> Row | Skipped:
    """Return a row with a note, or a skipped one whose reason says so too."""
    if isinstance(row, Row):
        return replace(row, notes=(*row.notes, note))
    return replace(row, reason=f"{row.reason}; {note}")


def _is_elsewhere(image: Image, folder: Path) -> bool:
    """Return whether a picture is a file of this machine outside a folder."""
    if isinstance(image, (TarImage, ZipImage)):
        return not image.archive.resolve().is_relative_to(folder.resolve())
    return isinstance(image, Path) and not image.resolve().is_relative_to(folder.resolve())


class TableSource:
    """The items of a table.

    Args:
        table: the file.
        options: what the caller knows.

    Raises:
        InvalidInput: no column is the id, or a mapped column is not there.
    """

    def __init__(self, table: Table, options: SourceOptions) -> None:
        self.table, self._options = table, options
        self.export = None if options.columns else find_export(table.columns)
        self._name = getattr(table, "name", str(table.path))
        self.columns = self._map(table.columns)
        check_map(self._name, table.columns, self.columns)
        self._maps: dict[tuple[str, ...], ColumnMap] = {tuple(table.columns): self.columns}

    def count(self) -> int:
        """Return about how many rows there are."""
        return self.table.count()

    def notes(self) -> list[str]:
        """Return what was guessed about the table."""
        said = [*self.table.notes]
        if self.export:
            said.append(f"the columns are those of {self.export.name}")
        said += ["; ".join(self.columns.notes)] if self.columns.notes else []
        said += self._prices.notes
        # Few kinds of table hold pictures themselves.
        has_pictures = self.columns.has("image") or getattr(self.table, "has_pictures", False)
        return said if has_pictures else [*said, NO_IMAGE]

    def __iter__(self) -> Iterator[Row | Skipped]:
        records = self.table.records()
        for record in self.export.joined(records) if self.export else records:
            if isinstance(record, Skipped):
                yield record
                continue
            columns = self._of(tuple(record.values))
            base = self.table.path.parent
            row = row_of(record.values, base, record.place, None, columns, self._prices, record.images)
            if record.note:
                row = _noted(row, record.note)
            yield self._allowed(row)

    def _allowed(self, row: Row | Skipped) -> Row | Skipped:
        """Leave out pictures that whoever wrote the table may not read.

        They would be read with the rights of whoever adds the table, which is a stranger's text (CWE-441).
        """
        if isinstance(row, Skipped) or self._options.allow_private:
            return row
        for image in row.images:
            reason = ""
            if isinstance(image, CloudImage) and image.bucket != self._options.bucket:
                reason = f"its image '{image.url[:80]}' is in another bucket than the table; --allow-private reads it"
            elif self._options.beside and _is_elsewhere(image, self.table.path.parent):
                reason = f"its image '{path_of(image)[-80:]}' is not in the uploaded file: put both into one zip file"
            if reason:
                rest = tuple(one for one in row.images if one != image)
                return self._allowed(_noted(replace(row, images=rest), reason)) if rest else Skipped(row.place, reason)
        return row

    @cached_property
    def _prices(self) -> PriceColumn:
        return PriceColumn.settle(self._price_texts(), self._options.decimal)

    def _price_texts(self) -> Iterator[str]:
        if not self.columns.has("price") and len(self.table.columns) > 1:
            return
        records = self.table.records()
        for record in self.export.joined(records) if self.export else records:
            if isinstance(record, Record):
                column = self._of(tuple(record.values)).column("price")
                value = record.values.get(column) if column else None
                if isinstance(value, str):
                    yield value

    def _of(self, columns: tuple[str, ...]) -> ColumnMap:
        """Return the map for a record's columns; in JSON they differ by record."""
        if columns not in self._maps:
            if len(self._maps) > 1000:
                self._maps.clear()
            if set(columns) <= set(self.table.columns):
                self._maps[columns] = self.columns
            else:
                options = SourceOptions(self._mapped(columns), attributes=self._options.attributes)
                self._maps[columns] = ColumnMap.of(columns, options)
        return self._maps[columns]

    def _mapped(self, columns: Sequence[str]) -> dict[str, str]:
        return {name: column for name, column in self._wanted().items() if column in columns}

    def _wanted(self) -> dict[str, str]:
        return dict(self.export.columns if self.export else self._options.columns)

    def _map(self, columns: Sequence[str]) -> ColumnMap:
        try:
            return ColumnMap.of(columns, SourceOptions(self._wanted(), attributes=self._options.attributes))
        except InvalidInput as error:
            raise InvalidInput(f"{self._name} {str(error).rstrip('.')}.") from error
