"""Records of items for export, with their pictures and embeddings."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.protocols import CatalogueStore
from whatsit.catalogue.sources.picture_location import archive_of
from whatsit.catalogue.sources.table_columns import EMBEDDINGS
from whatsit.catalogue.store.picture_files import read_picture

FIELDS = ("id", "title", "brand", "category", "price", "url")
_PAGE = 1000
_WEB = ("http://", "https://")


@dataclass
class ItemExport:
    """Yields the records of a catalogue's items.

    Args:
        store: the catalogue.
        home: folder of the exported file; pictures below a common folder are named relative to it.
        where: only these items; None for all.
        fingerprint: of the embedder whose vectors are added under `EMBEDDINGS`; None for none.
        copies: folder that the pictures' files are copied into; None to leave them where they are.
        without_pictures: ids of items of which no picture is named; filled while records are read.
    """

    store: CatalogueStore
    home: Path
    where: Filter | None = None
    fingerprint: str | None = None
    copies: Path | None = None
    without_pictures: set[str] = field(default_factory=set)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        offset = 0
        while page := self.store.page(self.where, _PAGE, offset):
            for record in page:
                yield self._record(record)
            offset += len(page)

    def _record(self, record: dict[str, Any]) -> dict[str, Any]:
        shown = self.store.show(record["id"])["images"]
        images = [self._image(one["path"]) for one in shown if not one["hidden"]]
        named = [one for one in images if one]
        if not named:
            self.without_pictures.add(record["id"])
        found = {**{name: record[name] for name in FIELDS}, "image": named, "attributes": record["attributes"]}
        if self.fingerprint is not None:
            pictures = self.store.pictures(record["id"], self.fingerprint)
            found[EMBEDDINGS] = [one.vectors[0].values.tolist() for one in pictures if one.vectors]
        return found

    def _image(self, path: str) -> str | None:
        """Return how the file names a picture, None where there is no file of it."""
        if not path or path.startswith(_WEB):
            return path or None
        try:
            if not Path(archive_of(path) or path).is_file():
                return None
        except (OSError, ValueError):  # a caller's text that is no path
            return None
        if self.copies is not None:
            return self._relative(str(self._copied(path)))
        return self._relative(path)

    def _copied(self, path: str) -> Path:
        assert self.copies is not None  # checked by the caller
        try:
            data = read_picture(path, Path())
        except InvalidInput:
            return Path(path)
        self.copies.mkdir(exist_ok=True)
        ending = Path(path.rpartition("#")[2]).suffix.lower()
        copy = self.copies / f"{hashlib.sha256(data).hexdigest()[:32]}{ending}"
        if not copy.exists():
            copy.write_bytes(data)
        return copy

    def _relative(self, path: str) -> str:
        """Return a path relative to the exported file, whole where only / is common."""
        home = str(self.home.resolve())
        return os.path.relpath(path, home) if len(Path(os.path.commonpath([home, path])).parts) > 1 else path
