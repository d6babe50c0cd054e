"""Vectors of several embedders in one store, while a new embedder is rolled out."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from whatsit.catalogue.item import Vector
from whatsit.catalogue.serving_pair import read_pair
from whatsit.catalogue.store.change_log import record_change
from whatsit.catalogue.store.database import Database

# sha256 of a picture -> fingerprint -> vectors.
KeptVectors = dict[str, dict[str, tuple[Vector, ...]]]

_KEPT = "kept embedders"  # in the table of settings, separated by spaces
_COLUMNS = "x1, y1, x2, y2, vector, score"


@dataclass(frozen=True)
class PictureRow:
    """A picture that lacks the vectors of an embedder.

    Args:
        image: its number.
        item: number of the item.
        path: as stored.
        sha256: of its file.
        kept: name of the file that the catalogue keeps of it, None for none.
        vectors: those of another embedder, in their order.
    """

    image: int
    item: int
    path: str
    sha256: str
    kept: str | None
    vectors: tuple[Vector, ...]


class KeptEmbedders:
    """The embedders whose vectors stay when an item is written again.

    Args:
        database: of the store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, folder: Path) -> list[str]:
        """Return the embedders whose vectors are here.

        The serving one is first, or else the one that was used last.

        Args:
            folder: of the catalogue.
        """
        rows = self._database.rows("SELECT fingerprint FROM vectors GROUP BY fingerprint ORDER BY max(rowid) DESC")
        pair = read_pair(folder)
        return sorted((row[0] for row in rows), key=lambda one: pair is not None and one != pair.serving)

    def keep(self, fingerprints: Sequence[str]) -> None:
        """Keep the vectors of these embedders; () for those of the latest writer alone."""
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO settings VALUES (?,?)", (_KEPT, " ".join(fingerprints)))

    def lacking(self, fingerprint: str, reference: str) -> int:
        """Return how many pictures have vectors of `reference` and none of `fingerprint`."""
        (row,) = self._database.rows(f"SELECT count(*) FROM images WHERE {_LACKING}", [reference, fingerprint])
        return int(row[0])

    def pictures(self, reference: str) -> int:
        """Return how many pictures have vectors of an embedder."""
        (row,) = self._database.rows("SELECT count(DISTINCT image) FROM vectors WHERE fingerprint = ?", [reference])
        return int(row[0])

    def next_lacking(self, fingerprint: str, reference: str, after: int, limit: int) -> list[PictureRow]:
        """Return the next pictures that lack vectors, in the order of their numbers.

        Args:
            fingerprint: of the embedder.
            reference: another embedder, whose regions are to be embedded.
            after: number of the last picture that was returned; 0 for the first.
            limit: pictures.
        """
        rows = self._database.rows(
            "SELECT image, item, path, sha256, "
            "(SELECT kept FROM picture_facts AS facts WHERE facts.image = images.image) "
            f"FROM images WHERE {_LACKING} AND image > ? ORDER BY image LIMIT ?",
            [reference, fingerprint, after, limit],
        )
        return [
            PictureRow(image, item, path, sha256, kept, self._vectors(image, reference))
            for image, item, path, sha256, kept in rows
        ]

    def add(self, fingerprint: str, found: Sequence[tuple[PictureRow, Sequence[Vector]]], log: bool) -> int:
        """Add vectors of pictures that still lack them; return the number of pictures.

        Args:
            fingerprint: of the embedder.
            found: pictures, each with its vectors.
            log: note the items as changed, for an index that was written already.
        """
        added = 0
        with self._database.transaction() as connection:
            for row, vectors in found:
                there = connection.execute(
                    "SELECT 1 FROM images WHERE image = ? AND item = ? AND sha256 = ? AND NOT EXISTS "
                    "(SELECT 1 FROM vectors WHERE vectors.image = images.image AND fingerprint = ?)",
                    (row.image, row.item, row.sha256, fingerprint),
                ).fetchone()
                if there is None:
                    continue
                insert_vectors(connection, row.image, fingerprint, vectors)
                added += 1
                if log:
                    record_change(connection, row.item)
        return added

    def drop(self, fingerprint: str, most: int = 5000) -> int:
        """Delete at most so many vectors of an embedder; return how many were deleted."""
        with self._database.transaction() as connection:
            return connection.execute(
                "DELETE FROM vectors WHERE rowid IN (SELECT rowid FROM vectors WHERE fingerprint = ? LIMIT ?)",
                (fingerprint, most),
            ).rowcount

    def _vectors(self, image: int, fingerprint: str) -> tuple[Vector, ...]:
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM vectors WHERE image = ? AND fingerprint = ? ORDER BY rowid", [image, fingerprint]
        )
        return tuple(map(_vector, rows))


_LACKING = (
    "EXISTS (SELECT 1 FROM vectors WHERE vectors.image = images.image AND fingerprint = ?) "
    "AND NOT EXISTS (SELECT 1 FROM vectors WHERE vectors.image = images.image AND fingerprint = ?)"
)


def insert_vectors(
    connection: sqlite3.Connection, image: int | None, fingerprint: str, vectors: Sequence[Vector]
) -> None:
    """Add the vectors of a picture."""
    connection.executemany(
        "INSERT INTO vectors (image, fingerprint, x1, y1, x2, y2, vector, score) VALUES (?,?,?,?,?,?,?,?)",
        [(image, fingerprint, *vector.box, vector.values.astype("<f4").tobytes(), vector.score) for vector in vectors],
    )


def kept_vectors(connection: sqlite3.Connection, item: int, fingerprint: str) -> KeptVectors:
    """Return an item's vectors by the kept embedders, but for one."""
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (_KEPT,)).fetchone()
    kept = [one for one in row[0].split() if one != fingerprint] if row else []
    found: KeptVectors = defaultdict(dict)
    for embedder in kept:
        rows = connection.execute(
            f"SELECT sha256, {_COLUMNS} FROM images JOIN vectors USING (image) WHERE item = ? AND fingerprint = ? "
            "ORDER BY vectors.rowid",
            (item, embedder),
        ).fetchall()
        for sha256, *columns in rows:
            found[sha256][embedder] = (*found[sha256].get(embedder, ()), _vector(columns))
    return found


def _vector(row: Sequence[object]) -> Vector:
    x1, y1, x2, y2, blob, score = row
    values = np.frombuffer(blob, dtype="<f4")  # type: ignore[call-overload]  # a column of SQLite has no type
    return Vector((x1, y1, x2, y2), values, score)  # type: ignore[arg-type]
