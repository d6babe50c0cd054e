"""Copying the pictures that a live catalogue's rows name into a back-up."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from whatsit.catalogue.backup.archive_writer import ArchiveWriter
from whatsit.catalogue.backup.contents import MAX_PICTURE
from whatsit.index.shard_files import Progress

# The eye sees no more.
_SHOWN_EVERY = 32


class PictureCopies:
    """The pictures that are in the archive already.

    A picture's file is written before its row and deleted after its row. So one that a state of the catalogue names was
    there at that time, and one that is not there now was deleted since, unless the next state names it again.

    Args:
        folder: of the catalogue.
        archive: takes the files.
        progress: called with the files done and in all.
    """

    def __init__(self, folder: Path, archive: ArchiveWriter, progress: Progress) -> None:
        self._folder, self._archive, self._progress = folder, archive, progress
        self._absent: set[str] = set()
        self._changed: set[str] = set()

    def lacking(self, named: Mapping[str, str | None]) -> list[str]:
        """Return those of the named files that are not in the archive."""
        return [name for name in named if name not in self._archive.sums]

    def take(self, named: Mapping[str, str | None]) -> list[str] | None:
        """Copy what is lacking.

        Args:
            named: of `FileNames.own`, of one state.

        Returns:
            The files that are missing or differ from their rows although the state before named them too; None where
            files were absent for the first time, so that a newer state must be looked at.
        """
        lacking = self.lacking(named)
        absent = set()
        for done, name in enumerate(lacking, start=1):
            if not self._copy(name, named[name]):
                absent.add(name)
            if done % _SHOWN_EVERY == 0 or done == len(lacking):
                self._progress("Copying pictures", len(named) - len(lacking) + done, len(named))
        new, self._absent = absent - self._absent - self._changed, absent
        return None if new else sorted((absent | self._changed) & named.keys())

    def _copy(self, name: str, sha256: str | None) -> bool:
        """Copy a file; one that differs from its row at the second time only."""
        try:
            with (self._folder / name).open("rb") as file:
                data = file.read(MAX_PICTURE + 1)
        except OSError:
            return False
        differs = sha256 is not None and hashlib.sha256(data).hexdigest() != sha256
        if len(data) > MAX_PICTURE or (differs and name not in self._absent):
            return False
        self._archive.add_bytes(name, data)
        if differs:
            self._changed.add(name)
        return not differs
