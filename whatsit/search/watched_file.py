"""A file that is read again when it changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from whatsit_client.errors import WhatsitError

T = TypeVar("T")


class WatchedFile(Generic[T]):
    """Follows a file: a new version counts from the next call.

    Args:
        path: the file, which need not be there.
        read: reads it.
        what: what the file holds, for the message when a new version is damaged.

    Raises:
        WhatsitError: the file is there and cannot be read.
    """

    def __init__(self, path: Path, read: Callable[[Path], T | None], what: str) -> None:
        self._path, self._read, self._what = path, read, what
        self._seen = self._stamp()
        self._value = None if self._seen is None else read(path)

    def __call__(self) -> T | None:
        """Return the file's content, None without one; a damaged version is ignored."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            try:
                self._value = None if stamp is None else self._read(self._path)
            except WhatsitError as error:
                print(f"The new {self._what} was refused and the old one stays in use: {error}", flush=True)
        return self._value

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino
