"""Photos of visitors with everything that people cropped or chose in each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.store.picture_files import whole_path
from whatsit.catalogue.store.store import Store
from whatsit.vision.boxes import FloatArray
from whatsit.vision.decode_process import decode_isolated

Progress = Callable[[int, int, str], None]
_SIDE = 64  # of a photo of which only the size is asked


@dataclass(frozen=True)
class Crop:
    """One entry of the click log with a box.

    Args:
        click: its number.
        box: x1, y1, x2, y2 in pixels of the upright photo.
        kind: `crop`, `none` or `match`.
        item: id of the chosen item; "" for the other kinds.
    """

    click: int
    box: tuple[float, float, float, float]
    kind: str
    item: str


@dataclass(frozen=True)
class CroppedPicture:
    """A photo and what people cropped in it.

    Args:
        sha256: of its file; the same photo sent twice is one picture.
        path: of a file with it.
        width: of the upright picture, pixels.
        height: of the upright picture, pixels.
        crops: oldest first.
    """

    sha256: str
    path: Path
    width: int
    height: int
    crops: tuple[Crop, ...]

    def boxes(self) -> FloatArray:
        """Return the boxes of the crops, float32 [N, 4]."""
        return np.array([crop.box for crop in self.crops], dtype=np.float32).reshape(-1, 4)


def cropped_pictures(store: Store, progress: Progress = lambda done, total, note: None) -> list[CroppedPicture]:
    """Return the photos in which visitors cropped something, most crops first.

    What older entries lack, the size of the photo and its hash, is read from the file and kept.

    Args:
        store: the catalogue.
        progress: called with photos done, photos in all and what is done.
    """
    _complete(store, progress)
    with store.snapshot() as connection:
        rows = connection.execute(
            "SELECT sha256, width, height, path, click, box, kind, coalesce(main.id, items.id, '') FROM clicks "
            "JOIN click_pictures USING (click) LEFT JOIN items ON items.id = item "
            "LEFT JOIN items AS main ON main.number = items.merged_into WHERE box IS NOT NULL ORDER BY click"
        ).fetchall()
    crops: dict[str, list[Crop]] = {}
    heads: dict[str, tuple[Path, int, int]] = {}
    for sha256, width, height, path, click, box, kind, item in rows:
        x1, y1, x2, y2 = (float(side) for side in json.loads(box))
        crops.setdefault(sha256, []).append(Crop(click, (x1, y1, x2, y2), kind, item))
        heads[sha256] = Path(whole_path(path, store.folder)), width, height
    found = [CroppedPicture(sha256, *heads[sha256], tuple(members)) for sha256, members in crops.items()]
    return sorted(found, key=lambda one: (-len(one.crops), one.crops[0].click))


def _complete(store: Store, progress: Progress) -> None:
    with store.snapshot() as connection:
        rows = connection.execute(
            "SELECT click, path FROM clicks LEFT JOIN click_pictures USING (click) "
            "WHERE box IS NOT NULL AND sha256 IS NULL ORDER BY click"
        ).fetchall()
    for done, (click, path) in enumerate(rows, start=1):
        progress(done, len(rows), "reading photos")
        try:
            data = Path(whole_path(path, store.folder)).read_bytes()
            decoded = decode_isolated(data, _SIDE)
        except (OSError, InvalidInput):
            continue
        with store.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO click_pictures (click, sha256, width, height) VALUES (?,?,?,?)",
                (click, hashlib.sha256(data).hexdigest(), decoded.width, decoded.height),
            )
