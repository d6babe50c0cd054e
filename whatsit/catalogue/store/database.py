"""Connections to an SQLite file, one per thread; its errors as sentences."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from whatsit_client.errors import Damaged, Unavailable

from whatsit.catalogue.filter.condition import register
from whatsit.catalogue.store.added_tables import add_tables
from whatsit.catalogue.store.code_keys import register_codes
from whatsit.catalogue.store.schema import check_readable, migrate

_BUSY_SECONDS = 30.0
# Pages of 4 KiB between two calls of a copy's progress.
_COPY_PAGES = 2048
_ADVICE = {
    "disk is full": ": make room on its disk",
    "unable to open": ": this user needs to be allowed to write into its folder, for readers keep a file there too",
    "locked": ": another process has been changing it for long; try again when that is done",
}


class Database:
    """An SQLite file in write-ahead mode: readers never wait, writers take turns.

    The connection of a thread that ended is closed when the next one is opened, and all are with the last reference to
    this object: a connection refers to itself, so that it would else stay open until Python collects garbage.

    Args:
        path: the file.
        read_only: refuse changes, and refuse to make the file.

    Raises:
        Unavailable: there is no such file and it may not or cannot be made.
        Damaged: it is no catalogue, or one of another version.
    """

    def __init__(self, path: Path, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._local = threading.local()
        self._opened: dict[threading.Thread, sqlite3.Connection] = {}
        self._lock = threading.Lock()
        weakref.finalize(self, _close, self._opened).atexit = False
        if read_only and not path.is_file():
            raise Unavailable(f"There is no catalogue {path}; make one with 'whatsit catalogue add'.")
        if not read_only:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise Unavailable(f"The folder {path.parent} cannot be made ({error.strerror}).") from error
            if path.exists() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
                raise Unavailable(
                    f"The catalogue {path} cannot be changed, for its folder or its disk is read-only to this user: "
                    "change that, or work on a copy; a server opens it with --read-only."
                )
        with self.reading() as connection:
            if read_only:
                check_readable(connection)
            else:
                migrate(connection)
                add_tables(connection)

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            _close(self._opened)
        self._local = threading.local()

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a question."""
        with self.reading() as connection:
            return connection.execute(statement, parameters).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give a connection whose changes are committed together, or rolled back."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._check_in_place()
                yield connection
                self._check_in_place()
            except BaseException:
                _roll_back(connection)
                raise
            connection.execute("COMMIT")

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that reads one state of the catalogue."""
        with self.reading() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                _roll_back(connection)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection.

        Raises:
            Unavailable: the file is locked, cannot be opened or cannot be written.
            Damaged: it is not SQLite, or it is broken.
        """
        try:
            yield self._connection()
        except sqlite3.OperationalError as error:
            advice = next((text for words, text in _ADVICE.items() if words in str(error)), "")
            raise Unavailable(f"The catalogue {self.path} cannot be used ({error}){advice}.") from error
        except sqlite3.DatabaseError as error:
            raise Damaged(f"{self.path} is not a catalogue or is damaged ({error}); restore a copy of it.") from error

    def _check_in_place(self) -> None:
        """Refuse to write into a file that is no longer the catalogue's."""
        if _identity(self.path) != self._local.identity:
            raise Unavailable(
                f"The catalogue {self.path} was replaced or removed while it was open: nothing was written; start what "
                "uses it again."
            )

    def copy_to(self, path: Path, progress: Callable[[int, int], None]) -> None:
        """Copy the database into a new file with SQLite's online backup.

        Inside `snapshot` the copy is of that state, and other writers do not disturb it.

        Args:
            path: the new file, which holds everything by itself once this returns.
            progress: called with bytes done and in all.

        Raises:
            Unavailable: the copy cannot be written.
            Damaged: the source, and so its copy, is broken.
        """
        with self.reading() as connection, closing(sqlite3.connect(path)) as target:
            (size,) = connection.execute("PRAGMA page_size").fetchone()

            def step(_: int, left: int, pages: int) -> None:
                progress((pages - left) * size, pages * size)

            try:
                connection.backup(target, pages=_COPY_PAGES, progress=step)
                found = target.execute("PRAGMA quick_check(1)").fetchone()[0]
            except sqlite3.OperationalError as error:
                raise Unavailable(
                    f"{self.path} cannot be copied to {path.parent} ({error}); make room there."
                ) from error
        if found != "ok":
            raise Damaged(f"{self.path} is damaged ({found}); restore a back-up of it.")

    def integrity(self, limit: int = 100) -> list[str]:
        """Return what SQLite's own checks find wrong, [] where all is well."""
        with self.snapshot() as connection:
            found = [row[0] for row in connection.execute(f"PRAGMA integrity_check({limit})") if row[0] != "ok"]
            broken = connection.execute("PRAGMA foreign_key_check").fetchmany(limit)
        return found + [f"row {row} of {table} belongs to no row of {parent}" for table, row, parent, _ in broken]

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                f"{self.path.resolve().as_uri()}?mode={'ro' if self.read_only else 'rwc'}{self._fixed()}",
                uri=True,
                timeout=_BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,  # only so that `close` may close them all
            )
            self._keep(connection)
            connection.execute("PRAGMA foreign_keys = ON")
            if not self.read_only:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
            register(connection)
            register_codes(connection)
            self._local.connection = connection
            self._local.identity = _identity(self.path)
        return connection

    def _keep(self, connection: sqlite3.Connection) -> None:
        """Keep a connection for this thread; close those of threads that ended."""
        this = threading.current_thread()
        with self._lock:
            _close(self._opened, [one for one in self._opened if one is this or not one.is_alive()])
            self._opened[this] = connection

    def _fixed(self) -> str:
        """Return the option for a file on a disk that is mounted read-only.

        Without it SQLite makes a file beside the catalogue to share it with writers.
        """
        wal = self.path.with_name(f"{self.path.name}-wal")
        if not self.read_only or (wal.exists() and wal.stat().st_size):
            return ""
        return "&immutable=1" if os.statvfs(self.path).f_flag & os.ST_RDONLY else ""


def _close(
    opened: dict[threading.Thread, sqlite3.Connection], threads: Sequence[threading.Thread] | None = None
) -> None:
    """Close and forget the connections of these threads; None for all."""
    for thread in list(opened) if threads is None else threads:
        opened.pop(thread).close()


def _roll_back(connection: sqlite3.Connection) -> None:
    """Undo what was not committed, unless SQLite did so by itself, as on a full disk."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode of a file, None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
