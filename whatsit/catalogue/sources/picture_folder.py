"""Folder of pictures: one item per picture, its sub-folder the category."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePath

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.item import ItemFields
from whatsit.catalogue.sources.picture_location import Image
from whatsit.catalogue.sources.source_row import Row, Skipped
from whatsit.vision.picture_file import ENDINGS, KINDS

PICTURES = ENDINGS
_OTHER_PICTURES = (".svg", ".psd", ".ico", ".jxl", ".dng", ".cr2", ".nef", ".arw")
_MOST_OF_A_PRODUCT = 20  # pictures in a folder that may be a product


class Folder:
    """Every picture below a folder, in the order of their paths.

    The item's id is the path below the folder without its ending, its title the file's name with spaces for `_` and
    `-`, its category the first sub-folder. Hidden files and what is no picture are passed over.

    Args:
        path: the folder.

    Raises:
        InvalidInput: there is no picture in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        below = (file.relative_to(path) for file in path.rglob("*") if file.is_file())
        visible = sorted(file for file in below if not any(part.startswith(".") for part in file.parts))
        self._files = [file for file in visible if file.suffix.lower() in (*PICTURES, *_OTHER_PICTURES)]
        if not any(file.suffix.lower() in PICTURES for file in self._files):
            raise InvalidInput(f"The folder {path} holds no picture ({', '.join(PICTURES)}).")

    def count(self) -> int:
        """Return the number of pictures."""
        return len(self._files)

    def __iter__(self) -> Iterator[Row | Skipped]:
        for file in self._files:
            place = str(self.path / file)
            if file.suffix.lower() not in PICTURES:
                yield Skipped(place, f"a picture is {KINDS}")
                continue
            yield picture_row(file, self.path / file, place)

    def notes(self) -> list[str]:
        """Return what the folders are taken for, where they may be products."""
        folders = Counter(file.parent for file in self._files)
        several = sum(count > 1 for folder, count in folders.items() if folder.parts)
        if len(folders) < 3 or several < 0.5 * len(folders) or max(folders.values()) > _MOST_OF_A_PRODUCT:
            return []
        return ["each picture is an item and its folder the category (--folders products: each folder is an item)"]


def picture_row(file: PurePath, image: Image, place: str) -> Row:
    """Return the item of a picture by its path, file name and first folder."""
    category = unicodedata.normalize("NFC", file.parts[0]) if len(file.parts) > 1 else None
    item_id = unicodedata.normalize("NFC", file.with_suffix("").as_posix())
    fields = ItemFields(item_id, title=title_of(file.stem), category=category)
    given = frozenset({"title", "category"} if category else {"title"})
    return Row(fields, (image,), place, given)


def title_of(name: str) -> str:
    """Return a file's or folder's name as a title."""
    return " ".join(unicodedata.normalize("NFC", name).replace("_", " ").replace("-", " ").split())
