"""Metadata of pictures: digests, hashes, main detection, predicted category."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from whatsit_client.types import Box

from whatsit.catalogue.store.database import Database

_COLUMNS = "md5, kept, x1, y1, x2, y2, label, label_score, topic, topic_score, tag, tag_score, objects"
_BATCH = 10_000


@dataclass(frozen=True)
class PrimaryDetection:
    """The detection with the highest score; the whole picture where there is none.

    Args:
        box: x1, y1, x2, y2 in pixels of the upright picture.
        label: the detector's name for it, "image" for the whole picture.
        score: 0..1; 0 for the whole picture.
    """

    box: Box
    label: str
    score: float


@dataclass(frozen=True)
class Prediction:
    """The classifier's prediction for a picture (names: `whatsit_client.taxonomy`).

    Args:
        topic: the most likely of the topics.
        topic_score: 0..1.
        tag: the most likely of all tags.
        tag_score: 0..1.
    """

    topic: str
    topic_score: float
    tag: str
    tag_score: float


@dataclass(frozen=True)
class PictureMetadata:
    """The metadata of one picture; None and {} where a step did not run.

    Args:
        md5: digest of the file, 16 bytes: equal ones are the same file.
        hashes: kind of perceptual hash -> 8 bytes (`whatsit.vision.perceptual_hash`).
        main: of the step `detect`, for contact sheets.
        prediction: of the step `categorise`. It never replaces the merchant's category.
        kept: file in the catalogue's own folder that holds the bytes of a picture from the web.
        objects: how many separate objects it shows, None where the step `objects` did not run.
    """

    md5: bytes | None = None
    hashes: Mapping[str, bytes] = field(default_factory=dict)
    main: PrimaryDetection | None = None
    prediction: Prediction | None = None
    kept: str | None = None
    objects: int | None = None


class MetadataTable:
    """The tables of facts of one store.

    Args:
        database: of the store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, images: Iterable[int]) -> dict[int, PictureMetadata]:
        """Row of the table `images` -> facts, of those pictures that have any."""
        found: dict[int, PictureMetadata] = {}
        asked = list(images)
        for start in range(0, len(asked), _BATCH):
            batch = asked[start : start + _BATCH]
            marks = ",".join("?" * len(batch))
            hashes: dict[int, dict[str, bytes]] = {}
            for image, kind, value in self._database.rows(
                f"SELECT image, kind, hash FROM picture_hashes WHERE image IN ({marks}) ORDER BY image, kind", batch
            ):
                hashes.setdefault(image, {})[kind] = value
            for image, *row in self._database.rows(
                f"SELECT image, {_COLUMNS} FROM picture_facts WHERE image IN ({marks})", batch
            ):
                found[image] = _facts(row, hashes.get(image, {}))
        return found

    def hashes(self, kind: str) -> list[tuple[int, int, bytes]]:
        """Return item number, image key and hash of every picture with such a hash."""
        return self._database.rows(
            "SELECT item, picture_hashes.image, hash FROM picture_hashes JOIN images USING (image) "
            "WHERE kind = ? ORDER BY item, position",
            [kind],
        )

    def kept(self) -> dict[int, str]:
        """Return item number -> kept file of the main picture."""
        rows = self._database.rows(
            "SELECT item, kept FROM picture_facts JOIN images USING (image) WHERE kept IS NOT NULL AND position = 0"
        )
        return dict(rows)

    def prediction(self, number: int) -> Prediction | None:
        """Return the prediction for an item's main picture, None for none."""
        rows = self._database.rows(
            "SELECT topic, topic_score, tag, tag_score FROM picture_facts JOIN images USING (image) "
            "WHERE item = ? AND position = 0 AND topic IS NOT NULL",
            [number],
        )
        return Prediction(*rows[0]) if rows else None

    def item_with_file(self, id: str, md5: bytes) -> str | None:
        """Return the id of the first earlier item that has a picture with these bytes."""
        rows = self._database.rows(
            "SELECT other.id FROM picture_facts JOIN images USING (image) JOIN items AS other ON other.number = item "
            "WHERE md5 = ? AND item < (SELECT number FROM items WHERE id = ?) ORDER BY item LIMIT 1",
            [md5, id],
        )
        return rows[0][0] if rows else None


def record_metadata(connection: sqlite3.Connection, image: int | None, facts: PictureMetadata) -> None:
    """Write the facts of a picture, in the transaction that writes the picture."""
    main = facts.main and (*facts.main.box, facts.main.label, facts.main.score)
    seen = facts.prediction
    prediction = seen and (seen.topic, seen.topic_score, seen.tag, seen.tag_score)
    connection.execute(
        f"INSERT INTO picture_facts (image, {_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (image, facts.md5, facts.kept, *(main or (None,) * 6), *(prediction or (None,) * 4), facts.objects),
    )
    connection.executemany(
        "INSERT INTO picture_hashes VALUES (?,?,?)", [(image, kind, value) for kind, value in facts.hashes.items()]
    )


def _facts(row: list[Any], hashes: Mapping[str, bytes]) -> PictureMetadata:
    md5, kept, x1, y1, x2, y2, label, label_score, *prediction, objects = row
    main = None if label is None else PrimaryDetection((x1, y1, x2, y2), label, label_score)
    return PictureMetadata(md5, hashes, main, None if prediction[0] is None else Prediction(*prediction), kept, objects)
