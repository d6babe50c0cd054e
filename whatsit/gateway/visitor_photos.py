"""Photos of visitors for reviewers, decoded in a process of their own."""

from __future__ import annotations

import io
import json
from pathlib import Path

from PIL import Image

from whatsit.catalogue.store.picture_files import whole_path
from whatsit.catalogue.store.store import Store
from whatsit.gateway.problems import Problem
from whatsit.gateway.thumbnails import Thumbnails

_THUMBNAILS = Thumbnails()
_MARGIN = 0.02


def read_photo(store: Store, token: str, side: int, crop: bool) -> bytes:
    """Return a photo as JPEG.

    Args:
        store: the catalogue.
        token: of the entry in the click log.
        side: longest side, in pixels.
        crop: only the region that was searched.

    Raises:
        Problem: 404 where there is none, or it was withdrawn.
        Unavailable: it cannot be decoded.
    """
    with store.snapshot() as connection:
        row = connection.execute(
            "SELECT path, box, width FROM clicks LEFT JOIN click_vectors USING (click) WHERE instr(path, ?) > 0 "
            "ORDER BY click DESC LIMIT 1",
            (token,),
        ).fetchone()
    if row is None:
        raise Problem(404, "There is no such photo, or it was withdrawn.")
    path, box, width = row
    try:
        data = Path(whole_path(path, store.folder)).read_bytes()
    except OSError as error:
        raise Problem(404, "The photo is no longer in the catalogue's folder.") from error
    if not crop or box is None:
        return _THUMBNAILS.make(data, side)
    # What the other process wrote is a plain picture, which may be opened here.
    image = Image.open(io.BytesIO(_THUMBNAILS.make(data, None)))
    scale = image.width / (width or image.width)
    x1, y1, x2, y2 = (float(value) * scale for value in json.loads(box))
    border = _MARGIN * max(x2 - x1, y2 - y1)
    x1, y1, x2, y2 = x1 - border, y1 - border, x2 + border, y2 + border
    part = image.crop((max(round(x1), 0), max(round(y1), 0), min(round(x2), image.width), min(round(y2), image.height)))
    part.thumbnail((side, side))
    out = io.BytesIO()
    part.convert("RGB").save(out, "JPEG", quality=90)
    return out.getvalue()
