"""Table of a catalogue's visible pictures, with embedding, path and size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.store.picture_files import read_picture
from whatsit.catalogue.store.store import Store
from whatsit.engines.available_cores import available_cores
from whatsit.index.index_kind import Numbers
from whatsit.vision.decode import decode_image
from whatsit.vision.perceptual_hash import BYTES, Kind, perceptual_hash

Flags = npt.NDArray[np.bool_]

# Of a JPEG file; a hash needs far fewer pixels.
_HASHED_SIDE = 512


@dataclass(frozen=True, eq=False)
class PictureTable:
    """Pictures, by item and position.

    Args:
        ids: item ids [I].
        titles: of the items [I], None where unknown.
        brands: of the items [I], None where unknown.
        items: int64 [N] ascending, the item of each picture: its place in `ids`.
        found_as: int64 [N], the item as which it is found: the same, or the main one of a merged item.
        images: int64 [N], key of each picture in the store.
        paths: of the files [N], as stored.
        sha256: of the files [N].
        sizes: int64 [N], pixels.
        vectors: f32 [N,D], unit length, of the whole picture.
        folder: of the catalogue.
    """

    ids: tuple[str, ...]
    titles: tuple[str | None, ...]
    brands: tuple[str | None, ...]
    items: Numbers
    found_as: Numbers
    images: Numbers
    paths: tuple[str, ...]
    sha256: tuple[str, ...]
    sizes: Numbers
    vectors: npt.NDArray[np.float32]
    folder: Path

    def __len__(self) -> int:
        return len(self.items)

    def without(self, dropped: Flags) -> PictureTable:
        """Return the other pictures.

        Args:
            dropped: bool [N].
        """
        left = np.flatnonzero(~dropped)
        chosen: dict[str, Any] = {
            name: getattr(self, name)[left] for name in ("items", "found_as", "images", "sizes", "vectors")
        }
        chosen |= {name: tuple(getattr(self, name)[n] for n in left) for name in ("paths", "sha256")}
        return replace(self, **chosen)

    def pixels(self, n: int, max_side: int) -> npt.NDArray[np.uint8]:
        """A picture, uint8 [h,w,3], its longer side at most `max_side` pixels.

        Raises:
            InvalidInput: its file is gone, or no picture any more.
        """
        return decode_image(read_picture(self.paths[n], self.folder), max_side=max_side).pixels

    def by_item(self) -> Iterator[tuple[int, Numbers]]:
        """Return each item with the places of its pictures, int64."""
        starts = np.flatnonzero(np.diff(self.items, prepend=-1))
        for start, end in zip(starts, [*starts[1:], len(self)], strict=True):
            yield int(self.items[start]), np.arange(start, end)


def read_picture_table(store: Store, fingerprint: str) -> PictureTable:
    """Return every picture that is found and has a vector by this embedder."""
    with store.snapshot() as connection:
        items = connection.execute("SELECT number, id, title, brand FROM items ORDER BY number").fetchall()
        rows = connection.execute(
            "SELECT item, found_as, image, path, sha256, max((x2 - x1) * (y2 - y1)), vector "
            "FROM images JOIN vectors USING (image) WHERE fingerprint = ? AND found_as IS NOT NULL "
            "GROUP BY image ORDER BY item, position",  # of several regions SQLite gives the row of the largest
            (fingerprint,),
        ).fetchall()
    place = {number: n for n, (number, *_) in enumerate(items)}
    vectors = np.array([np.frombuffer(row[6], dtype="<f4") for row in rows], dtype=np.float32)
    return PictureTable(
        ids=tuple(item[1] for item in items),
        titles=tuple(item[2] for item in items),
        brands=tuple(item[3] for item in items),
        items=np.array([place[row[0]] for row in rows], dtype=np.int64),
        found_as=np.array([place[row[1]] for row in rows], dtype=np.int64),
        images=np.array([row[2] for row in rows], dtype=np.int64),
        paths=tuple(row[3] for row in rows),
        sha256=tuple(row[4] for row in rows),
        sizes=np.array([round(row[5]) for row in rows], dtype=np.int64),
        vectors=vectors.reshape(len(rows), vectors.shape[-1]),
        folder=store.path.parent,
    )


def read_hashes(
    table: PictureTable,
    kind: Kind,
    known: Mapping[int, bytes],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[npt.NDArray[np.uint8], Flags]:
    """Return the hash of each picture, from its file where it is not known.

    Args:
        table: the pictures.
        kind: of hash.
        known: hash by the picture's key in the store.
        progress: called with pictures done and in all.

    Returns:
        uint8 [N,8], and bool [N]: whether there is one, or the file could not be read.
    """
    hashes, there = np.zeros((len(table), BYTES), np.uint8), np.zeros(len(table), np.bool_)

    def take(n: int) -> npt.NDArray[np.uint8] | None:
        if (hash := known.get(int(table.images[n]))) is not None:
            return np.frombuffer(hash, np.uint8)
        try:
            return perceptual_hash(table.pixels(n, _HASHED_SIDE), kind)
        except InvalidInput:
            return None

    with ThreadPoolExecutor(available_cores()) as pool:
        for n, found in enumerate(pool.map(take, range(len(table)))):
            if found is not None:
                hashes[n], there[n] = found, True
            progress(n + 1, len(table))
    return hashes, there
