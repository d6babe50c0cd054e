"""Names of the picture files that the rows of a store name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from whatsit.catalogue.store.database import Database
from whatsit.catalogue.store.picture_files import is_own

_PAGE = 5_000
_ROW = (
    "SELECT image, items.id, path, sha256, kept FROM images JOIN items ON number = item "
    "LEFT JOIN picture_facts USING (image)"
)


@dataclass(frozen=True)
class PictureRow:
    """What the store says of one picture's file.

    Args:
        image: key of the row.
        item: id of the item.
        path: as it is stored: of a file, `shard.tar#name`, an address on the web, or any text of a caller who sent
            vectors in place of a picture.
        sha256: of the file, hex; of the vectors' bytes, where a caller sent vectors.
        kept: file in `pictures/` with the bytes of a picture from the web.
    """

    image: int
    item: str
    path: str
    sha256: str
    kept: str | None

    @property
    def own(self) -> str | None:
        """The file relative to the catalogue's folder; None where there is none."""
        name = self.path if self.kept is None else f"pictures/{self.kept}"
        return name if is_own(name) else None


class FileNames:
    """The names of files in one store.

    Args:
        database: of the store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def own(self) -> dict[str, str | None]:
        """Return the files in the catalogue's own folder that rows name.

        Returns:
            Name relative to the folder -> SHA-256; None for photos of the click log and pictures of deleted items.
        """
        rows = self._database.rows(
            "SELECT path, sha256 FROM images UNION SELECT 'pictures/' || kept, sha256 "
            "FROM picture_facts JOIN images USING (image) WHERE kept IS NOT NULL"
        )
        found: dict[str, str | None] = {path: sha256 for path, sha256 in rows if is_own(path)}
        kept = self._database.rows("SELECT value FROM deleted_items, json_each(deleted_items.files)")
        for (path,) in [*self._database.rows("SELECT path FROM clicks"), *kept]:
            if is_own(path):
                found.setdefault(path, None)
        return found

    def outside(self) -> int:
        """Return how many pictures are a merchant's own files, or on the web."""
        rows = self._database.rows("SELECT path, kept FROM images LEFT JOIN picture_facts USING (image)")
        return sum(bool(path) and kept is None and not is_own(path) for path, kept in rows)

    def rows(self) -> Iterator[PictureRow]:
        """Yield every picture, page by page, so that no long read transaction is open."""
        last = 0
        while page := self._database.rows(f"{_ROW} WHERE image > ? ORDER BY image LIMIT ?", [last, _PAGE]):
            yield from (PictureRow(*row) for row in page)
            last = page[-1][0]

    def row(self, image: int) -> PictureRow | None:
        """Return a picture as it is now, None where it is gone."""
        rows = self._database.rows(f"{_ROW} WHERE image = ?", [image])
        return PictureRow(*rows[0]) if rows else None

    def count(self) -> int:
        """Return the number of pictures."""
        return int(self._database.rows("SELECT count(*) FROM images")[0][0])

    def sent_vectors(self, image: int) -> str | None:
        """Return the SHA-256 of vectors sent without a picture; None for others.

        Such vectors have the box 0, 0, 0, 0, which no picture's region has.
        """
        rows = self._database.rows(
            "SELECT vector, max(abs(x1), abs(y1), abs(x2), abs(y2)) FROM vectors WHERE image = ? ORDER BY rowid",
            [image],
        )
        if not rows or any(extent for _, extent in rows):
            return None
        return hashlib.sha256(b"".join(blob for blob, _ in rows)).hexdigest()
