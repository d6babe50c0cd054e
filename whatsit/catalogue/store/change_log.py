"""Change log: the items added, changed or deleted, in the order of commits."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged

from whatsit.catalogue.store.database import Database
from whatsit.index.index_kind import Numbers
from whatsit.vision.local_features import LocalFeatures

# So many entries are read at once: a long log never fills the memory.
PAGE = 5_000


@dataclass(frozen=True)
class Changes:
    """A stretch of the log, and what its items are now.

    Args:
        sequence: number of the last entry in it.
        items: int64 ascending, the numbers of the items that were changed or deleted.
        vectors: f32 [N,D], the vectors that they have now; a deleted item has none.
        numbers: int64 [N] ascending, the item of each vector.
        local: the item and the local features of each picture that they have now.
    """

    sequence: int
    items: Numbers
    vectors: npt.NDArray[np.float32]
    numbers: Numbers
    local: tuple[tuple[int, LocalFeatures], ...] = ()


class ChangeLog:
    """The log of one store.

    An entry says only that an item changed; the item's present state is in its rows, written in the
    same transaction. So applying an entry twice, or late, does no harm.

    Args:
        database: of the store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def position(self) -> int:
        """Return the number of the last change, 0 before the first; cheap."""
        with self._database.reading() as connection:
            return last_change(connection)

    def since(self, sequence: int, fingerprint: str, limit: int = PAGE) -> Changes:
        """Return the first entries after `sequence`, at most `limit`.

        Args:
            sequence: number of the last change that is known.
            fingerprint: of the embedder whose vectors are wanted.
            limit: entries.

        Raises:
            Damaged: entries after `sequence` were trimmed away, or the vectors do not have one length.
        """
        with self._database.snapshot() as connection:
            if sequence < _trimmed(connection):
                raise Damaged(
                    f"The change log of {self._database.path} no longer reaches back to change {sequence}; "
                    "run 'whatsit catalogue compact' to write a new index."
                )
            (last,) = connection.execute(
                "SELECT max(sequence) FROM (SELECT sequence FROM changes WHERE sequence > ? ORDER BY sequence LIMIT ?)",
                (sequence, limit),
            ).fetchone()
            span = (sequence, sequence if last is None else last)
            changed = "SELECT DISTINCT item FROM changes WHERE sequence > ? AND sequence <= ?"
            items = [row[0] for row in connection.execute(f"{changed} ORDER BY item", span)]
            # CROSS JOIN and the plus keep SQLite from walking through all vectors of the embedder instead.
            rows = connection.execute(
                f"SELECT found_as, vector FROM ({changed}) AS changed "
                "CROSS JOIN images ON images.found_as = changed.item "
                "CROSS JOIN vectors ON vectors.image = images.image WHERE +fingerprint = ? "
                "ORDER BY found_as, found_as != images.item, images.item, position, vectors.rowid",
                (*span, fingerprint),
            ).fetchall()
            local = connection.execute(
                f"SELECT found_as, local_features.rows FROM ({changed}) AS changed "
                "CROSS JOIN images ON images.found_as = changed.item "
                "CROSS JOIN local_features ON local_features.image = images.image "
                "ORDER BY found_as, found_as != images.item, images.item, position",
                span,
            ).fetchall()
        if len({len(blob) for _, blob in rows}) > 1:
            raise Damaged(f"The catalogue {self._database.path} holds vectors of unequal length; add its items again.")
        vectors = np.array([np.frombuffer(blob, dtype="<f4") for _, blob in rows], dtype=np.float32)
        numbers = np.array([number for number, _ in rows], dtype=np.int64)
        pictures = tuple((number, LocalFeatures.from_bytes(blob)) for number, blob in local)
        return Changes(span[1], np.array(items, dtype=np.int64), vectors, numbers, pictures)

    def changed(self, sequence: int) -> tuple[int, list[int] | None]:
        """Return the last change's number and the items changed after `sequence`.

        The items are None where the log no longer reaches back that far, or there are more than `PAGE`.
        """
        with self._database.snapshot() as connection:
            last = last_change(connection)
            if sequence < _trimmed(connection):
                return last, None
            items = connection.execute(
                "SELECT DISTINCT item FROM changes WHERE sequence > ? LIMIT ?", (sequence, PAGE + 1)
            ).fetchall()
        return last, None if len(items) > PAGE else [item for (item,) in items]

    def pending(self, sequence: int) -> int:
        """Return how many items were changed or deleted after `sequence`."""
        return int(self._database.rows("SELECT count(DISTINCT item) FROM changes WHERE sequence > ?", [sequence])[0][0])

    def items_after(self, sequence: int) -> Numbers:
        """Return the items that were changed or deleted after `sequence`, int64 ascending."""
        rows = self._database.rows("SELECT DISTINCT item FROM changes WHERE sequence > ? ORDER BY item", [sequence])
        return np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))

    def trimmed(self) -> int:
        """Return the number of the last forgotten entry, 0 where the log is whole."""
        return int(self._database.rows("SELECT sequence FROM trimmed")[0][0])

    def trim(self, sequence: int) -> None:
        """Forget the entries up to and with `sequence`."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM changes WHERE sequence <= ?", (sequence,))
            connection.execute("UPDATE trimmed SET sequence = max(sequence, ?)", (sequence,))


def last_change(connection: sqlite3.Connection) -> int:
    """Return the number of the last change, 0 before the first."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'changes'").fetchone()
    return int(row[0]) if row else 0


def record_change(connection: sqlite3.Connection, item: int) -> None:
    """Append an entry for an item, in the transaction that changes it."""
    connection.execute("INSERT INTO changes (item) VALUES (?)", (item,))


def _trimmed(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT sequence FROM trimmed").fetchone()[0])
