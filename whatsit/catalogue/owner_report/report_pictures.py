"""Pictures of the owner's report: thumbnails of items, sheets of searches."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.store.picture_files import read_picture, whole_path
from whatsit.catalogue.store.store import Store
from whatsit.vision.decode_process import decode_isolated

THUMBNAIL = 176  # pixels; shown at half of it, for screens of two dots a pixel
SHEET_CELL, SHEET_PHOTOS = 184, 6
_GAP = 12


class ReportPictures:
    """Makes pictures of a report; what cannot be read is None.

    Args:
        store: the catalogue.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def item(self, path: str | None) -> bytes | None:
        """Return a square thumbnail of an item's picture as JPEG."""
        if not path or path.startswith(("http://", "https://")):
            return None
        try:
            return _jpeg(_square(self._decoded(read_picture(path, self._store.folder), None), THUMBNAIL))
        except InvalidInput:
            return None

    def sheet(self, photos: Sequence[tuple[str, str | None]]) -> bytes | None:
        """Return a row of what visitors searched for as JPEG.

        Args:
            photos: path and box (JSON) of each, as in the click log.
        """
        cells = []
        for path, box in photos:
            try:
                data = Path(whole_path(path, self._store.folder)).read_bytes()
                cells.append(_square(self._decoded(data, box), SHEET_CELL))
            except (OSError, InvalidInput):
                continue
            if len(cells) == SHEET_PHOTOS:
                break
        if not cells:
            return None
        width = len(cells) * SHEET_CELL + (len(cells) - 1) * _GAP
        sheet = Image.new("RGB", (width, SHEET_CELL), (255, 255, 255))
        for place, cell in enumerate(cells):
            sheet.paste(cell, (place * (SHEET_CELL + _GAP), 0))
        return _jpeg(sheet)

    def _decoded(self, data: bytes, box: str | None) -> Image.Image:
        decoded = decode_isolated(data, 1024)
        image = Image.fromarray(decoded.pixels)
        if box is None:
            return image
        scale = image.width / decoded.width
        x1, y1, x2, y2 = (float(side) * scale for side in json.loads(box))
        corners = (max(0, round(x1)), max(0, round(y1)), min(image.width, round(x2)), min(image.height, round(y2)))
        return image.crop(corners) if corners[2] > corners[0] and corners[3] > corners[1] else image


def _square(image: Image.Image, side: int) -> Image.Image:
    return ImageOps.fit(image, (side, side), Image.Resampling.LANCZOS)


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82, optimize=True)
    return out.getvalue()
