"""Export of a catalogue's items, pictures and vectors into one file."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue.backends import open_store
from whatsit.catalogue.export.export_files import WRITERS
from whatsit.catalogue.export.item_record import ItemExport
from whatsit.catalogue.export.vector_files import write_vectors
from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.sources.table_columns import EMBEDDINGS

VECTORS = ".faiss"


@dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        file: the file.
        items: in it.
        vectors: in it; 0 where none were asked for.
        without_pictures: ids of items of which no picture's file is there, such as those sent as vectors.
    """

    file: Path
    items: int
    vectors: int
    without_pictures: tuple[str, ...]


def export_items(
    folder: Path,
    file: Path,
    *,
    where: Filter | None = None,
    embeddings: bool = False,
    copy_pictures: bool = False,
    overwrite: bool = False,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> Exported:
    """Write a catalogue's items into a file.

    Args:
        folder: the catalogue's.
        file: .parquet, .csv, .jsonl or .json, which `add` reads again; .faiss for the vectors with a table of rows.
        where: only these items; None for all.
        embeddings: add the vector of each picture.
        copy_pictures: copy the pictures' files into the folder `file` + `.pictures`, so that it is complete.
        overwrite: replace a file that is there.
        progress: called with the stage, and the items done and in all.

    Raises:
        InvalidInput: the file's ending is unknown, or it is there already, or the filter names no field.
        Unavailable: it cannot be written.
    """
    ending = file.suffix.lower()
    if ending not in (*WRITERS, VECTORS):
        raise InvalidInput(f"{file} is of no known kind: name a file {', '.join([*WRITERS, VECTORS])}.")
    if file.exists() and not overwrite:
        raise InvalidInput(f"{file} is there already: name another file, or give --overwrite.")
    part = file.with_name(f".{file.name}.part{ending}")
    with closing(open_store(folder, read_only=True)) as store:
        total = store.count(where)
        store.check_where(where, total)
        fingerprint = next(iter(store.fingerprints()), "") if embeddings or ending == VECTORS else None
        copies = file.with_name(f"{file.name}.pictures") if copy_pictures else None
        items = ItemExport(store, file.parent, where, None if ending == VECTORS else fingerprint, copies)
        counted = _Counted(items, total, progress)
        new_copies = copies if copies is not None and not copies.exists() else None
        try:
            if ending == VECTORS:
                vectors = write_vectors(store, counted, part, fingerprint or "")
                part.with_name(f"{part.name}.rows.csv").replace(file.with_name(f"{file.name}.rows.csv"))
            else:
                WRITERS[ending](counted, part)
                vectors = counted.vectors
            part.replace(file)
        except OSError as error:
            if new_copies is not None:
                shutil.rmtree(new_copies, ignore_errors=True)
            raise Unavailable(f"{file} cannot be written ({error.strerror or error}).") from error
        finally:
            for name in (part.name, f"{part.name}.rows.csv"):
                with contextlib.suppress(OSError):
                    part.with_name(name).unlink(missing_ok=True)
    return Exported(file, counted.items, vectors, tuple(sorted(items.without_pictures)))


class _Counted:
    """Records that may be gone through several times, counted each time."""

    def __init__(self, records: ItemExport, total: int, progress: Callable[[str, int, int], None]) -> None:
        self._records, self._total, self._progress = records, total, progress
        self.items = self.vectors = self._times = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self.items = self.vectors = 0
        for record in self._records:
            self.items += 1
            self.vectors += len(record.get(EMBEDDINGS, ()))
            if self.items % 32 == 0 or self.items == self._total:
                self._progress("Exporting", self.items, self._total)
            yield record
