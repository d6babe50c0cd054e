"""Table of the pictures' local features, for catalogues with geometry."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.store.database import Database
from whatsit.catalogue.store.picture_files import read_picture
from whatsit.catalogue.store.picture_places import PicturePlaces
from whatsit.catalogue.store.switch import Switch
from whatsit.engines.available_cores import available_cores
from whatsit.vision.decode import Decoded, decode_image
from whatsit.vision.local_features import LocalFeatures, extract

_SETTING = "geometry"
# Far more than is used; JPEG files then decode at reduced scale.
_MAX_SIDE = 1024
_BATCH = 64


def local_features(data: bytes, decode: Callable[[bytes, int], Decoded] = decode_image) -> bytes:
    """Return the local features of an encoded picture, as they are stored.

    Args:
        data: the encoded file.
        decode: to at most so many pixels; `decode_isolated` where a library's crash may not end this process.

    Raises:
        InvalidInput: it is no picture.
    """
    return extract(decode(data, _MAX_SIDE).pixels).to_bytes()


class LocalStore:
    """The table of local features.

    Args:
        database: of the store.
    """

    def __init__(self, database: Database) -> None:
        self._database, self._switch = database, Switch(database, _SETTING)

    @property
    def kept(self) -> bool:
        """Return whether this catalogue keeps local features."""
        return self._switch.is_on()

    def keep(self, wanted: bool) -> None:
        """Keep them from now on, or drop them all and keep none."""
        with self._database.transaction() as connection:
            self._switch.set(connection, wanted)
            if not wanted:
                connection.execute("DELETE FROM local_features")

    def pictures(self) -> list[tuple[int, LocalFeatures]]:
        """Return item number and features of each visible picture that has them."""
        rows = self._database.rows(
            "SELECT found_as, rows FROM local_features JOIN images USING (image) WHERE found_as IS NOT NULL "
            "ORDER BY found_as, found_as != item, item, position"
        )
        return [(number, LocalFeatures.from_bytes(blob)) for number, blob in rows]

    def fill(self, progress: Callable[[int, int], None] = lambda done, total: None) -> int:
        """Take the features of all pictures that lack them, from their files.

        A picture that cannot be read (it was sent as vectors, moved, or lies on the web) is remembered as one without
        texture.

        Returns:
            How many files could not be read.
        """
        lacking = self._database.rows(
            "SELECT image, CASE WHEN kept IS NULL THEN path ELSE 'pictures/' || kept END FROM images "
            "LEFT JOIN picture_facts USING (image) WHERE image NOT IN (SELECT image FROM local_features) ORDER BY image"
        )
        unread, taken = 0, []
        folder = self._database.path.parent.resolve()
        place = PicturePlaces(self._database, folder)
        with ThreadPoolExecutor(available_cores()) as pool:
            for start in range(0, len(lacking), _BATCH):
                batch = lacking[start : start + _BATCH]
                found = pool.map(partial(_of_file, folder), [place(path) for _, path in batch])
                for done, ((image, _), rows) in enumerate(zip(batch, found, strict=True), start=start + 1):
                    unread += rows is None
                    taken.append((image, rows or b""))
                    progress(done, len(lacking))
                self._write(taken)
                taken.clear()
        return unread

    def _write(self, taken: Iterable[tuple[int, bytes]]) -> None:
        with self._database.transaction() as connection:
            # An item that was changed meanwhile has other pictures now.
            connection.executemany(
                "INSERT OR IGNORE INTO local_features SELECT image, ?2 FROM images WHERE image = ?1", taken
            )


def _of_file(folder: Path, path: str) -> bytes | None:
    """Return a picture's features, None where it cannot be read."""
    try:
        return local_features(read_picture(path, folder))
    except InvalidInput:
        return None
