"""Zip files: pictures, alone or beside one table that names them."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources.column_map import SourceOptions
from whatsit.catalogue.sources.picture_folder import PICTURES, picture_row
from whatsit.catalogue.sources.picture_location import Image, ZipImage
from whatsit.catalogue.sources.product_folder import by_folder, product_row
from whatsit.catalogue.sources.source_row import Row, Skipped, Source

_MOST_TABLE = 1 << 28


class ZipArchive:
    """A zip file of pictures, or of one table and pictures beside it.

    Args:
        path: the file.
        options: what the caller knows.
        open_table: opens a table of a file; None where its name is that of none.

    Raises:
        InvalidInput: it is no zip file, or holds neither a picture nor a table, or several tables.
    """

    def __init__(
        self, path: Path, options: SourceOptions, open_table: Callable[[Path, SourceOptions], Source | None]
    ) -> None:
        self.path, self._options = path, options
        try:
            with zipfile.ZipFile(path) as archive:
                sizes = {one.filename: one.file_size for one in archive.infolist() if not one.is_dir()}
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise InvalidInput(f"{path} cannot be read as a zip file ({error}).") from error
        names = [PurePosixPath(name) for name in sizes if not _is_hidden(name)]
        self._pictures = sorted(name for name in names if name.suffix.lower() in PICTURES)
        self._folder = tempfile.TemporaryDirectory(prefix="whatsit-zip-")
        self._table: Source | None = None
        tables = [name for name in names if name.suffix.lower() in TABLES and sizes[str(name)] <= _MOST_TABLE]
        if len(tables) > 1:
            raise InvalidInput(f"{path} holds several tables ({', '.join(map(str, tables))[:200]}); unpack it first.")
        for name in tables:
            self._table = open_table(self._extracted(name), options)
        if not self._pictures and self._table is None:
            raise InvalidInput(f"{path} holds no picture ({', '.join(PICTURES)}).")

    @property
    def table(self) -> Source | None:
        """Return the table in it, None where there are pictures alone."""
        return self._table

    def count(self) -> int:
        """Return about how many items there are."""
        return self._table.count() if self._table else len(self._pictures)

    def notes(self) -> list[str]:
        """Return what was guessed about the table in it."""
        return self._table.notes() if self._table else []

    def __iter__(self) -> Iterator[Row | Skipped]:
        if self._table:
            for row in self._table:
                place = row.place.replace(f"{self._folder.name}/", f"{self.path}#")
                row = replace(row, place=place)
                yield replace(row, images=tuple(map(self._image, row.images))) if isinstance(row, Row) else row
        elif self._options.folders == "products":
            for folder, files in by_folder(self._pictures):
                images = [ZipImage(self.path, str(file)) for file in files]
                yield product_row(folder, images, f"{self.path}#{folder}")
        else:
            for file in self._pictures:
                yield picture_row(file, ZipImage(self.path, str(file)), f"{self.path}#{file}")

    def _image(self, image: Image) -> Image:
        """Return a picture that the table names by its place in the archive."""
        if not isinstance(image, Path) or not image.is_relative_to(self._folder.name):
            return image
        name = PurePosixPath(image.relative_to(self._folder.name))
        parts: list[str] = []
        for part in name.parts:
            parts = parts[:-1] if part == ".." else [*parts, part]
        return ZipImage(self.path, "/".join(parts))

    def _extracted(self, name: PurePosixPath) -> Path:
        target = Path(self._folder.name, *(part for part in name.parts if part not in ("..", "/")))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(ZipImage(self.path, str(name)).read(_MOST_TABLE))
        return target


TABLES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".xls", ".ods", ".xml")


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
