"""Vectors of objects in catalogue pictures, and vectors with picture and box."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whatsit.catalogue.item import Picture
from whatsit.catalogue.store.change_log import record_change
from whatsit.catalogue.store.database import Database
from whatsit.catalogue.store.switch import Switch
from whatsit.index.index_kind import Numbers

_SETTING = "objects"
# A statement takes at most 32,766 values.
_BATCH = 10_000

# Of the rows of a sample so many are drawn: most are of objects.
_SPREAD = 8

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PlacedVectors:
    """Vectors of catalogue pictures with the place of each.

    Args:
        numbers: int64 [N], the item as which a match of each is found.
        owners: N ids, the items whose pictures they are: others than `numbers` where items were merged.
        positions: int64 [N], of the picture among the owner's visible ones, 0 for the main one.
        boxes: f32 [N,4], pixels of the upright picture.
        scores: f32 [N], the detector's of an object, NaN for the whole picture.
        vectors: f32 [N,D], unit length.
    """

    numbers: Numbers
    owners: tuple[str, ...]
    positions: Numbers
    boxes: Floats
    scores: Floats
    vectors: Floats

    def __len__(self) -> int:
        return len(self.owners)

    @property
    def whole(self) -> npt.NDArray[np.bool_]:
        """Return which are of a whole picture, bool [N]."""
        return np.isnan(self.scores)

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[int, str, int, tuple[float, ...], float | None, Floats]]) -> PlacedVectors:
        """Return the vectors of rows: number, owner, position, box, score, vector."""
        found = list(rows)
        return cls(
            np.array([row[0] for row in found], dtype=np.int64),
            tuple(row[1] for row in found),
            np.array([row[2] for row in found], dtype=np.int64),
            np.array([row[3] for row in found], dtype=np.float32).reshape(len(found), 4),
            np.array([np.nan if row[4] is None else row[4] for row in found], dtype=np.float32),
            np.stack([row[5] for row in found]) if found else np.empty((0, 0), dtype=np.float32),
        )

    @classmethod
    def of_pictures(cls, items: Iterable[tuple[int, str, Sequence[Picture]]]) -> PlacedVectors:
        """Return the vectors of items: number, id and pictures of each."""
        return cls.from_rows(
            (number, id, position, vector.box, vector.score, vector.values)
            for number, id, pictures in items
            for position, picture in enumerate(pictures)
            for vector in picture.vectors
        )

    def take(self, positions: npt.NDArray[np.intp]) -> PlacedVectors:
        """Return the vectors at these positions, in this order."""
        return PlacedVectors(
            self.numbers[positions],
            tuple(self.owners[place] for place in positions.tolist()),
            self.positions[positions],
            self.boxes[positions],
            self.scores[positions],
            self.vectors[positions],
        )


class ObjectTable:
    """The objects of one store, and the choice whether they are indexed.

    Args:
        database: of the store.
    """

    def __init__(self, database: Database) -> None:
        self._database, self._switch = database, Switch(database, _SETTING)

    @property
    def kept(self) -> bool:
        """Return whether objects are indexed."""
        return self._switch.is_on()

    def keep(self, wanted: bool) -> None:
        """Index the objects of pictures from now on, or drop the vectors of all."""
        with self._database.transaction() as connection:
            self._switch.set(connection, wanted)
            if wanted:
                return
            changed = connection.execute(
                "SELECT DISTINCT found_as FROM images JOIN vectors USING (image) "
                "WHERE score IS NOT NULL AND found_as IS NOT NULL ORDER BY found_as"
            ).fetchall()
            connection.execute("DELETE FROM vectors WHERE score IS NOT NULL")
            connection.execute("UPDATE picture_facts SET objects = NULL WHERE objects IS NOT NULL")
            for (number,) in changed:
                record_change(connection, number)

    def lacking(self) -> int:
        """Return how many visible pictures were not searched for objects."""
        rows = self._database.rows(
            "SELECT count(*) FROM images LEFT JOIN picture_facts USING (image) "
            "WHERE found_as IS NOT NULL AND objects IS NULL"
        )
        return int(rows[0][0])

    def items(self, least: int) -> Numbers:
        """Return the items with a visible picture of so many separate objects, 1 or more.

        Returns:
            int64 ascending.
        """
        rows = self._database.rows(
            "SELECT DISTINCT found_as FROM picture_facts JOIN images USING (image) "
            "WHERE objects > 0 AND objects >= ? AND found_as IS NOT NULL ORDER BY found_as",
            [least],
        )
        return np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))

    def mean(self, fingerprint: str, most: int = 2_000) -> Floats:
        """Return the mean vector of whole pictures, of a sample of about so many.

        Returns:
            f32 [D], shorter than 1; [0] where there is none.
        """
        last = self._database.rows("SELECT coalesce(max(rowid), 0) FROM vectors")[0][0]
        rng = np.random.default_rng(last)
        drawn = np.arange(last) if last <= _SPREAD * most else rng.choice(last, _SPREAD * most, replace=False)
        rows = self._database.rows(
            "SELECT vector FROM json_each(?) CROSS JOIN vectors ON vectors.rowid = value "
            "WHERE fingerprint = ? AND score IS NULL LIMIT ?",
            [json.dumps((drawn + 1).tolist()), fingerprint, most],
        )
        found = [np.frombuffer(row[0], dtype="<f4") for row in rows]
        return np.mean(found, axis=0, dtype=np.float32) if found else np.zeros(0, dtype=np.float32)

    def vectors(self, numbers: Iterable[int], fingerprint: str) -> PlacedVectors:
        """Return the visible vectors of items, ordered by item, picture and row."""
        asked = sorted({int(number) for number in numbers})
        found: list[tuple[int, str, int, tuple[float, ...], float | None, Floats]] = []
        for start in range(0, len(asked), _BATCH):
            batch = asked[start : start + _BATCH]
            # CROSS JOIN and the plus keep SQLite from walking through all vectors of the embedder instead.
            rows = self._database.rows(
                "SELECT found_as, items.id, (SELECT count(*) FROM images AS before WHERE before.item = images.item "
                "AND before.position < images.position AND before.found_as IS NOT NULL), "
                "x1, y1, x2, y2, score, vector FROM images CROSS JOIN items ON items.number = images.item "
                "CROSS JOIN vectors ON vectors.image = images.image "
                f"WHERE found_as IN ({','.join('?' * len(batch))}) AND +fingerprint = ? "
                "ORDER BY found_as, found_as != images.item, images.item, images.position, vectors.rowid",
                [*batch, fingerprint],
            )
            found += [(*row[:3], row[3:7], row[7], np.frombuffer(row[8], dtype="<f4")) for row in rows]
        return PlacedVectors.from_rows(found)
