"""Places of pictures after a catalogue, or the folders around it, were moved."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

from whatsit.catalogue.sources.picture_location import archive_of
from whatsit.catalogue.store.database import Database
from whatsit.catalogue.store.picture_files import whole_path

_HOME = "home "  # before each folder in which the catalogue has lain, in the table of settings


class PicturePlaces:
    """Finds the files of stored paths.

    A merchant's file is stored by its whole path. Where it lies there no more, it is looked for where it would be if
    it was moved together with the catalogue, from each folder in which it was opened for changes.

    Args:
        database: of the store.
        folder: the catalogue's, absolute and without symbolic links.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self._database, self._folder = database, folder

    def __call__(self, path: str) -> str:
        """Return where the file of a stored path is now; the path itself if unknown."""
        whole = whole_path(path, self._folder)
        if not self._homes or not os.path.isabs(whole) or _exists(whole):
            return whole
        for home in self._homes:
            for place in (str(self._folder), *self._homes):
                moved = os.path.normpath(os.path.join(place, os.path.relpath(whole, home)))
                if place != home and _exists(moved):
                    return moved
        return whole

    def record(self) -> None:
        """Note that the catalogue lies here, where that is new."""
        name = f"{_HOME}{self._folder}"
        if not self._database.rows("SELECT 1 FROM settings WHERE name = ?", [name]):
            with self._database.transaction() as connection:
                connection.execute("INSERT OR IGNORE INTO settings VALUES (?, '')", (name,))

    @cached_property
    def _homes(self) -> list[str]:
        """The other folders in which the catalogue has lain, the latest first."""
        rows = self._database.rows(
            "SELECT substr(name, ?) FROM settings WHERE name LIKE ? ORDER BY rowid DESC", [len(_HOME) + 1, f"{_HOME}%"]
        )
        return [home for (home,) in rows if home != str(self._folder)]


def _exists(path: str) -> bool:
    try:
        return Path(archive_of(path) or path).exists()
    except (OSError, ValueError):  # a caller's text that is no path
        return False
