"""Click log: what people said of photos; choices of items train the ranker."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from whatsit_client.errors import InvalidInput
from whatsit_client.types import Box

from whatsit.catalogue.store.database import Database
from whatsit.catalogue.store.picture_files import stored_path, whole_path

Kind = Literal["match", "none", "crop"]
KINDS: tuple[Kind, ...] = ("match", "none", "crop")


@dataclass(frozen=True)
class Click:
    """One entry of the log.

    Args:
        item: id of the chosen item; "" for the other kinds.
        path: of the photo; the photo itself is kept, not what the networks of that day made of it.
        box: of the thing in the photo, pixels of the upright picture; None for the whole.
        kind: `match`: the photo shows the item; `none`: none of the shown items is right; `crop`: a searched region.
    """

    item: str
    path: Path
    box: Box | None = None
    kind: Kind = "match"

    @property
    def token(self) -> str:
        """Return the entry's name for `withdraw`: 32 random hexadecimal digits."""
        return self.path.stem


@dataclass(frozen=True)
class PhotoPicture:
    """What is known of the picture in a photo: entries on one picture share it.

    Args:
        sha256: of the file.
        width: of the upright picture, pixels.
        height: of the upright picture, pixels.
    """

    sha256: str
    width: int
    height: int


class Clicks:
    """The log of one store.

    Args:
        database: of the store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._folder = database.path.parent.resolve()

    def record(self, click: Click, picture: PhotoPicture | None = None) -> None:
        """Append an entry.

        Args:
            click: the entry.
            picture: what its photo shows; None leaves that to whoever needs it.

        Raises:
            InvalidInput: the catalogue has no such item.
        """
        box = None if click.box is None else json.dumps(click.box)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        with self._database.transaction() as connection:
            known = connection.execute("SELECT 1 FROM items WHERE id = ?", (click.item,)).fetchone()
            if click.kind == "match" and known is None:
                raise InvalidInput(f"The catalogue has no item '{click.item}'.")
            number = connection.execute(
                "INSERT INTO clicks (item, path, box, made, kind) VALUES (?,?,?,?,?)",
                (click.item, stored_path(str(click.path), self._folder), box, now, click.kind),
            ).lastrowid
            if picture is not None:
                values = (number, picture.sha256, picture.width, picture.height)
                connection.execute("INSERT INTO click_pictures (click, sha256, width, height) VALUES (?,?,?,?)", values)

    def photo_of(self, sha256: str) -> Path | None:
        """Return the file of a photo with these bytes, None where none is kept."""
        rows = self._database.rows(
            "SELECT path FROM click_pictures JOIN clicks USING (click) WHERE sha256 = ? ORDER BY click DESC LIMIT 1",
            (sha256,),
        )
        return Path(whole_path(rows[0][0], self._folder)) if rows else None

    def withdraw(self, token: str) -> Path | None:
        """Delete the entry with this token; return its photo, None for no entry."""
        with self._database.transaction() as connection:
            # A token is compared as text: LIKE would let a caller send wildcards.
            found = connection.execute(
                "SELECT click, path FROM clicks WHERE instr(path, ?) > 0 ORDER BY click DESC LIMIT 1", (token,)
            ).fetchone()
            if found is None or Path(found[1]).stem != token:
                return None
            for table in ("clicks", "click_vectors", "click_pictures"):
                connection.execute(f"DELETE FROM {table} WHERE click = ?", (found[0],))
        return Path(whole_path(found[1], self._folder))

    def count(self, kind: Kind | None = None) -> int:
        """Return the number of entries, of one kind or of all."""
        condition, values = ("kind = ?", (kind,)) if kind else ("1", ())
        return int(self._database.rows(f"SELECT count(*) FROM clicks WHERE {condition}", values)[0][0])

    def others(self) -> list[Click]:
        """Return the entries without an item (`none` and `crop`), oldest first."""
        rows = self._database.rows("SELECT path, box, kind FROM clicks WHERE kind != 'match' ORDER BY click")
        return [Click("", Path(whole_path(path, self._folder)), _box(box), kind) for path, box, kind in rows]

    def all(self) -> list[Click]:
        """Return every choice of an item in the catalogue, oldest first.

        A merged item's choices count for the main one.
        """
        rows = self._database.rows(
            "SELECT coalesce(main.id, items.id), path, box FROM clicks JOIN items ON items.id = item "
            "LEFT JOIN items AS main ON main.number = items.merged_into WHERE kind = 'match' ORDER BY click"
        )
        return [Click(item, Path(whole_path(path, self._folder)), _box(box)) for item, path, box in rows]


def _box(text: str | None) -> Box | None:
    if text is None:
        return None
    x1, y1, x2, y2 = map(float, json.loads(text))
    return x1, y1, x2, y2
