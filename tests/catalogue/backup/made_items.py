"""Items with made-up vectors and pictures in the catalogue's own folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.picture_files import keep_picture
from whatsit.catalogue.store.store import Store


def vector_of(name: str) -> Vector:
    values = np.random.default_rng(list(name.encode())).normal(size=8).astype(np.float32)
    return Vector((0.0, 0.0, 10.0, 20.0), values / np.linalg.norm(values))


def kept_picture(folder: Path, name: str) -> Picture:
    """A picture whose bytes are its name, in the catalogue's own folder."""
    data = b"\xff\xd8" + name.encode()
    path = keep_picture(Layout(folder).pictures, data)
    return Picture(str(path), hashlib.sha256(data).hexdigest(), (vector_of(name),))


def put(store: Store, id: str, *pictures: Picture, title: str | None = None) -> None:
    store.put([(ItemFields(id, title=title), pictures, "e")])
