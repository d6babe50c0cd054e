"""Folder of pictures: one item per picture, its sub-folder the category."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.item import ItemFields
from whatsit.catalogue.sources.source_row import Row, Skipped

PICTURES = (".jpg", ".jpeg", ".png", ".webp")
_OTHER_PICTURES = (".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".svg")


class Folder:
    """Every JPEG, PNG and WebP file below a folder, in the order of their paths.

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
                yield Skipped(place, "a picture is JPEG, PNG or WebP")
                continue
            title = " ".join(file.stem.replace("_", " ").replace("-", " ").split())
            category = file.parts[0] if len(file.parts) > 1 else None
            fields = ItemFields(file.with_suffix("").as_posix(), title=title, category=category)
            yield Row(fields, (self.path / file,), place)
