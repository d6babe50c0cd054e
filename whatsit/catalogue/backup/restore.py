"""Restoring a catalogue from a back-up."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from whatsit_client.errors import Damaged, InvalidInput

from whatsit.catalogue.backup.archive_check import read_archive
from whatsit.catalogue.backup.contents import BackupRecord
from whatsit.catalogue.backup.working_folder import working_folder, write_errors
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.store import Store
from whatsit.index.current_generation import current, sync_folder
from whatsit.index.shard_files import Progress, quiet

# The disk takes what several threads wait for at once: ten times the rate of one after the other.
_SYNCS = 16
_SHOWN_EVERY = 32


def restore(file: Path, folder: Path, max_bytes: int | None = None, progress: Progress = quiet) -> BackupRecord:
    """Make the catalogue of a back-up in a new folder.

    It is unpacked and checked in a temporary folder beside the new one, and then renamed.

    Args:
        file: a back-up.
        folder: is made; may be there if it is empty.
        max_bytes: the back-up may have so many, unpacked; None for a hundred times its size and 1 GiB.
        progress: called with the stage, and what is done and in all.

    Returns:
        What is in the back-up.

    Raises:
        InvalidInput: the folder holds something, or the file is no back-up.
        Damaged: the back-up is cut off, changed, or of a newer version.
        Unavailable: the file cannot be read, or the folder cannot be written.
    """
    _refuse_existing(folder)
    with working_folder(folder) as working, write_errors(folder):
        new = working / "catalogue"
        new.mkdir()
        checked = read_archive(file, new, max_bytes, progress)
        if checked.wrong:
            more = f", and {len(checked.wrong) - 1} more are wrong" if len(checked.wrong) > 1 else ""
            raise Damaged(f"In the back-up {file}, {checked.wrong[0]}{more}; use another back-up.")
        _finish(new, checked.record, file)
        _sync(new, progress)
        try:
            os.rename(new, folder)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                _refuse_existing(folder)
            raise
        sync_folder(folder.absolute().parent)
    return checked.record


def _refuse_existing(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InvalidInput(f"{folder} is there already and no folder; name a new one.")
    if folder.is_dir() and any(folder.iterdir()):
        what = "holds a catalogue" if Layout(folder).store.exists() else "holds files"
        raise InvalidInput(f"The folder {folder} {what} already; restore into a new folder.")


def _finish(new: Path, record: BackupRecord, file: Path) -> None:
    """Check that the parts fit, and drop pictures of an earlier state."""
    layout = Layout(new)
    with Store(layout.store) as store:
        if store.changes.position() != record.sequence or current(layout.index) != record.generation:
            raise Damaged(f"The record of the back-up {file} does not fit its files; use another back-up.")
        named = store.files.own()
    for place in (layout.pictures, layout.clicks):
        for path in place.iterdir() if place.is_dir() else ():
            if f"{place.name}/{path.name}" not in named:
                path.unlink()


def _sync(new: Path, progress: Progress) -> None:
    """Make all files outlive a power cut."""
    folders = [Path(place) for place, _, _ in os.walk(new)]
    files = [path for place in folders for path in place.iterdir() if path.is_file()]
    executor = ThreadPoolExecutor(_SYNCS)
    try:
        for done, _ in enumerate(executor.map(_sync_file, files), start=1):
            if done % _SHOWN_EVERY == 0 or done == len(files):
                progress("Writing to the disk", done, len(files))
    finally:
        executor.shutdown(cancel_futures=True)
    for place in folders:
        sync_folder(place)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
