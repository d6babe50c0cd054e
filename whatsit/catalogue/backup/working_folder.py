"""Temporary folders beside a result that is renamed when it is whole."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from whatsit_client.errors import Unavailable


@contextmanager
def working_folder(result: Path) -> Iterator[Path]:
    """Make a temporary folder beside a result and remove it at the end.

    What killed runs for the same result left there is removed first; folders of runs that still go on are locked.

    Args:
        result: file or folder that will be renamed out of the temporary folder; its parent is made.

    Raises:
        Unavailable: the folder cannot be made.
    """
    parent, prefix = result.absolute().parent, f".{result.name}.unfinished-"
    with write_errors(result):
        parent.mkdir(parents=True, exist_ok=True)
        for leftover in [Path(entry) for entry in os.scandir(parent) if entry.name.startswith(prefix)]:
            _remove_unless_locked(leftover)
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    lock = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # of file systems without locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


@contextmanager
def write_errors(result: Path) -> Iterator[None]:
    """Turn the operating system's errors into sentences about a result.

    Raises:
        Unavailable: the disk is full, read-only, or fails.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, Unavailable):  # a ConnectionError, and so an OSError
            raise
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "make room on that disk" if full else "choose another place"
        raise Unavailable(f"{result} cannot be written ({error.strerror or error}); {advice}.") from error


def _remove_unless_locked(folder: Path) -> None:
    with suppress(OSError):
        lock = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
        finally:
            os.close(lock)
