"""Folders of products: each folder with pictures in it is an item."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.item import ItemFields
from whatsit.catalogue.sources.picture_folder import PICTURES, title_of
from whatsit.catalogue.sources.picture_location import Image
from whatsit.catalogue.sources.source_row import Row, Skipped


class ProductFolders:
    """Every folder below a folder that holds pictures is an item with all of them.

    The item's id is the folder's path, its title the folder's name, its category the folder above. Pictures are taken
    in the order of their names, numbers by value. Hidden files are passed over.

    Args:
        path: the folder.

    Raises:
        InvalidInput: no folder below it holds a picture.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        files = (file.relative_to(path) for file in path.rglob("*") if file.is_file())
        pictures = [file for file in files if file.suffix.lower() in PICTURES and not _is_hidden(file)]
        self._loose = sorted(file for file in pictures if len(file.parts) == 1)
        self._products = by_folder([file for file in pictures if len(file.parts) > 1])
        if not self._products:
            raise InvalidInput(f"No folder in {path} holds a picture ({', '.join(PICTURES)}); leave out --folders.")

    def count(self) -> int:
        """Return the number of products."""
        return len(self._products)

    def notes(self) -> list[str]:
        """Return nothing: the caller says what folders are."""
        return []

    def __iter__(self) -> Iterator[Row | Skipped]:
        for file in self._loose:
            yield Skipped(str(self.path / file), "it lies in no product's folder")
        for folder, files in self._products:
            yield product_row(folder, [self.path / file for file in files], str(self.path / folder))


def by_folder(files: Sequence[PurePath]) -> list[tuple[PurePath, list[PurePath]]]:
    """Return folders in order, each with its files in order."""
    found: dict[PurePath, list[PurePath]] = defaultdict(list)
    for file in files:
        found[file.parent].append(file)
    return [(folder, sorted(found[folder], key=_order)) for folder in sorted(found)]


def product_row(folder: PurePath, images: Sequence[Image], place: str) -> Row:
    """Return the item of one folder."""
    item_id = unicodedata.normalize("NFC", folder.as_posix())
    category = unicodedata.normalize("NFC", folder.parts[-2]) if len(folder.parts) > 1 else None
    fields = ItemFields(item_id, title=title_of(folder.name), category=category)
    return Row(fields, tuple(images), place, frozenset({"title", "category"} if category else {"title"}))


def _is_hidden(file: PurePath) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in file.parts)


def _order(file: PurePath) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", file.name.casefold())]
