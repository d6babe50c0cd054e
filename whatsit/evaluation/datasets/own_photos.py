"""Photos of one's own with the item that each shows: a folder, or a table."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from whatsit_client.errors import InvalidInput

from whatsit.vision.picture_file import ENDINGS

NOTHING = "_none"
"""The sub-folder for photos of nothing that the catalogue holds."""
_IMAGE_COLUMNS = ("image", "photo", "file", "path", "picture")
_ID_COLUMNS = ("id", "item", "sku", "item_id")


@dataclass(frozen=True)
class OwnPhoto:
    """A photo and what it shows.

    Args:
        file: the photo.
        item: id of the item that it shows; "" where it shows nothing of the catalogue.
    """

    file: Path
    item: str = ""


def read_own_photos(source: Path, absent: Path | None = None) -> list[OwnPhoto]:
    """Read photos and the ids of their items.

    Args:
        source: a folder with a sub-folder for each item id (`_none` for photos of nothing), or a CSV file with the
            columns `image` (relative to the file) and `id` (empty for photos of nothing).
        absent: a folder with more photos of nothing.

    Raises:
        InvalidInput: there is no photo, a photo of the table is missing, or the table has other columns.
    """
    if source.is_dir():
        photos = _of_folder(source)
    elif source.is_file():
        photos = _of_table(source)
    else:
        raise InvalidInput(f"There is no {source}: give a folder with a sub-folder for each item id, or a CSV file.")
    if absent is not None:
        if not absent.is_dir():
            raise InvalidInput(f"{absent} is not a folder: give one with photos of things that the catalogue lacks.")
        photos += [OwnPhoto(file) for file in _pictures(absent)]
    if not photos:
        raise InvalidInput(f"There is no photo in {source}: give a folder with a sub-folder for each item id.")
    return photos


def spread(photos: Sequence[OwnPhoto], limit: int | None) -> list[OwnPhoto]:
    """Return at most `limit` photos, evenly spread over the list."""
    if limit is None or len(photos) <= limit:
        return list(photos)
    return [photos[place * len(photos) // limit] for place in range(limit)]


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())


def _of_folder(folder: Path) -> list[OwnPhoto]:
    files = _pictures(folder)
    loose = [file for file in files if file.parent == folder]
    if loose:
        raise InvalidInput(
            f"{loose[0]} lies in no sub-folder: put each photo into a sub-folder named after the id of its item, "
            f"or into {NOTHING} where it shows nothing of the catalogue."
        )
    named = ((file, file.relative_to(folder).parts[0]) for file in files)
    return [OwnPhoto(file, "" if name == NOTHING else name) for file, name in named]


def _of_table(file: Path) -> list[OwnPhoto]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read as a table in UTF-8 ({error}): save it as CSV.") from error
    delimiter = max(",;\t", key=lines[0].count) if lines else ","
    rows = csv.DictReader(lines, delimiter=delimiter)
    names = {str(name).strip().lower(): name for name in rows.fieldnames or ()}
    image, item = (next((names[one] for one in few if one in names), None) for few in (_IMAGE_COLUMNS, _ID_COLUMNS))
    if image is None or item is None:
        raise InvalidInput(f"{file} has the columns {', '.join(names) or '(none)'}: it needs image and id.")
    photos = []
    for number, row in enumerate(rows, start=2):
        if not (name := (row[image] or "").strip()):
            continue
        path = file.parent / name
        if not path.is_file():
            raise InvalidInput(f"Line {number} of {file} names {path}, which is not there: put it right or remove it.")
        photos.append(OwnPhoto(path, (row[item] or "").strip()))
    return photos
