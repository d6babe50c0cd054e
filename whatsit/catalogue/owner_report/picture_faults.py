"""Faults of catalogue pictures that a new photo would mend: small, blurred, dark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.store.picture_files import read_picture
from whatsit.catalogue.store.store import Store
from whatsit.engines.available_cores import available_cores
from whatsit.vision.decode_process import decode_isolated

Pixels = npt.NDArray[np.uint8]

SMALL = 200  # pixels of the shorter side
BLURRED = 60.0  # variance of the Laplacian at `_SIDE`, by which focus is told (Pech-Pacheco et al. 2000)
DARK, BRIGHT = 45.0, 245.0  # mean grey of 255
_SIDE = 320


@dataclass(frozen=True)
class PictureFault:
    """A picture to retake.

    Args:
        item: id.
        sha256: of the picture's file.
        reasons: what is wrong, worst first.
        searches: in which the item was found or confused.
    """

    item: str
    sha256: str
    reasons: tuple[str, ...]
    searches: int


def faults_of(pixels: Pixels, width: int, height: int) -> tuple[str, ...]:
    """Return what is wrong with a picture.

    Args:
        pixels: RGB uint8 [h,w,3], of any size.
        width: of the picture as it is stored.
        height: of the picture as it is stored.
    """
    found = []
    if min(width, height) < SMALL:
        found.append(f"small: {width} x {height} pixels")
    scale = min(_SIDE / max(pixels.shape[:2]), 1.0)
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    grey = cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    # Of products on a plain ground the middle alone says how sharp they are.
    border_y, border_x = grey.shape[0] // 8, grey.shape[1] // 8
    middle = grey[border_y : grey.shape[0] - border_y, border_x : grey.shape[1] - border_x]
    if float(cv2.Laplacian(middle, cv2.CV_64F).var()) < BLURRED:
        found.append("blurred")
    mean = float(grey.mean())
    if mean < DARK:
        found.append("too dark")
    elif mean > BRIGHT and float(np.std(grey)) < 12.0:
        found.append("nearly white")
    return tuple(found)


def find_faults(
    store: Store,
    weights: Mapping[str, int],
    most: int,
    limit: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[PictureFault]:
    """Return main pictures with faults, those of items that are searched for first.

    Args:
        store: the catalogue.
        weights: id -> searches in which the item was found or confused.
        most: pictures that are read at most.
        limit: faults at most.
        progress: called with pictures done and in all.
    """
    with store.snapshot() as connection:
        rows = connection.execute(
            "SELECT id, path, sha256 FROM items JOIN images ON item = number AND position = "
            "(SELECT min(position) FROM images WHERE item = number AND found_as IS NOT NULL) "
            "WHERE merged_into IS NULL ORDER BY number DESC"
        ).fetchall()
    rows = sorted(rows, key=lambda row: -weights.get(row[0], 0))[:most]

    def look(row: tuple[str, str, str]) -> PictureFault | None:
        id, path, sha256 = row
        try:
            decoded = decode_isolated(read_picture(store.places(path), store.folder), 2 * _SIDE)
        except InvalidInput:
            return None
        reasons = faults_of(decoded.pixels, decoded.width, decoded.height)
        return PictureFault(id, sha256, reasons, weights.get(id, 0)) if reasons else None

    found: list[PictureFault] = []
    with ThreadPoolExecutor(available_cores()) as pool:
        for done, fault in enumerate(pool.map(look, rows), start=1):
            progress(done, len(rows))
            if fault is not None:
                found.append(fault)
    return sorted(found, key=lambda one: (-one.searches, -len(one.reasons)))[:limit]
