"""Photos of visitors as pictures of items."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.decision_effects import apply_decisions
from whatsit.catalogue.store.item_rows import put_item
from whatsit.catalogue.store.picture_files import keep_picture, stored_path, whole_path
from whatsit.catalogue.store.store import Store
from whatsit.vision.decode_process import decode_isolated

_MAX_SIDE = 2048
_FIELDS = ("title", "brand", "category", "price", "url")


def cropped(data: bytes, box: Sequence[float] | None, max_side: int = _MAX_SIDE) -> tuple[bytes, int, int]:
    """Return the part of a photo in a box as JPEG, with its width and height.

    Args:
        data: encoded photo.
        box: pixels of the upright photo, None for all of it.
        max_side: of the result, in pixels.

    Raises:
        InvalidInput: it is no picture.
    """
    decoded = decode_isolated(data, 4 * max_side)  # a visitor's bytes
    pixels = decoded.pixels
    if box is not None:
        scale = pixels.shape[1] / decoded.width
        x1, y1, x2, y2 = (round(side * scale) for side in box)
        part = pixels[max(y1, 0) : max(y2, y1 + 1, 1), max(x1, 0) : max(x2, x1 + 1, 1)]
        pixels = part if part.size else pixels
    image = Image.fromarray(pixels)
    image.thumbnail((max_side, max_side))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92)
    return out.getvalue(), image.width, image.height


def create_item(
    store: Store, connection: sqlite3.Connection, clicks: Sequence[int], fields: Mapping[str, Any]
) -> ItemFields:
    """Add an item whose pictures are photos of visitors.

    Args:
        store: the catalogue.
        connection: of its transaction.
        clicks: entries of the click log whose vectors are known.
        fields: of the item, with its id.

    Raises:
        InvalidInput: the id is lacking or taken, or no photo can be used.
    """
    id = str(fields.get("id") or "").strip()
    if not id:
        raise InvalidInput("A new item needs an id.")
    if connection.execute("SELECT 1 FROM items WHERE id = ?", (id,)).fetchone():
        raise InvalidInput(
            f"The catalogue has an item '{id[:100]}' already: assign the photos to it, or name another id."
        )
    unknown = set(fields) - {"id", "attributes", *_FIELDS}
    if unknown:
        raise InvalidInput(
            f"An item has no field '{min(unknown)[:60]}'; its fields are id, {', '.join(_FIELDS)}, attributes."
        )
    item = ItemFields(
        id, **{name: fields.get(name) for name in _FIELDS}, attributes=dict(fields.get("attributes") or {})
    )
    pictures, fingerprint = [], ""
    for click in clicks[:3]:
        picture, fingerprint = _picture(store, connection, click)
        pictures.append(picture)
    put_item(connection, store.folder, item, pictures, fingerprint, _now())
    return item


def add_photo(store: Store, connection: sqlite3.Connection, click: int, id: str) -> str:
    """Add a photo to the pictures of an item; return the hash of its file."""
    picture, fingerprint = _picture(store, connection, click)
    (number,) = connection.execute("SELECT number FROM items WHERE id = ?", (id,)).fetchone()
    image = connection.execute(
        "INSERT INTO images (item, position, path, sha256, found_as) VALUES "
        "(?1, (SELECT coalesce(max(position), -1) + 1 FROM images WHERE item = ?1), ?2, ?3, ?1)",
        (number, stored_path(picture.path, store.folder), picture.sha256),
    ).lastrowid
    (vector,) = picture.vectors
    connection.execute(
        "INSERT INTO vectors (image, fingerprint, x1, y1, x2, y2, vector, score) VALUES (?,?,?,?,?,?,?,NULL)",
        (image, fingerprint, *vector.box, vector.values.astype("<f4").tobytes()),
    )
    apply_decisions(connection, number)
    return picture.sha256


def _picture(store: Store, connection: sqlite3.Connection, click: int) -> tuple[Picture, str]:
    row = connection.execute(
        "SELECT path, box, fingerprint, vector FROM clicks JOIN click_vectors USING (click) WHERE click = ?", (click,)
    ).fetchone()
    if row is None:
        raise InvalidInput("The photo was not embedded yet: refresh the queue first.")
    path, box, fingerprint, vector = row
    try:
        photo = Path(whole_path(path, store.folder)).read_bytes()
    except OSError as error:
        raise InvalidInput("The photo is no longer in the catalogue's folder.") from error
    data, width, height = cropped(photo, None if box is None else json.loads(box))
    # By its bytes: a transaction that is repeated writes the same file again.
    digest = hashlib.sha256(data).hexdigest()
    kept = keep_picture(Layout(store.folder).pictures, data, key=digest)
    values = np.frombuffer(vector, dtype="<f4")
    return Picture(str(kept), digest, (Vector((0.0, 0.0, float(width), float(height)), values),)), fingerprint


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
