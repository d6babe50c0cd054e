"""A published catalogue with pictures of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.catalogue.backup.made_items import kept_picture, put, vector_of
from whatsit.catalogue.backup.backup import backup
from whatsit.catalogue.item import Picture, Vector
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.publish import publish
from whatsit.catalogue.store.click_log import Click
from whatsit.catalogue.store.picture_files import keep_picture
from whatsit.catalogue.store.picture_metadata import PictureMetadata
from whatsit.catalogue.store.store import Store


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """12 items in the index and 3 in the change log, a click, a threshold; `web` is kept from the web."""
    folder = tmp_path / "shop"
    layout = Layout(folder)
    with Store(layout.store) as store:
        for number in range(12):
            put(store, f"i{number}", *(kept_picture(folder, f"i{number} {part}") for part in range(1 + number % 3)))
        outside = tmp_path / "outside.jpg"
        outside.write_bytes(b"outside")
        put(store, "own", Picture(str(outside), hashlib.sha256(b"outside").hexdigest(), (vector_of("outside"),)))
        publish(store, layout.index)
        put(store, "late", kept_picture(folder, "late"))
        kept = kept_picture(folder, "web")
        facts = PictureMetadata(kept=Path(kept.path).name)
        put(store, "web", Picture("https://example.com/a.jpg", kept.sha256, kept.vectors, None, facts))
        sent = np.eye(8, dtype=np.float32)[:1]
        vectors = (Vector((0.0, 0.0, 0.0, 0.0), sent[0]),)
        put(store, "sent", Picture("", hashlib.sha256(sent.tobytes()).hexdigest(), vectors))
        store.delete(["i3"], forever=True)
        store.clicks.record(Click("i1", keep_picture(layout.clicks, b"\xff\xd8 a photo")))
    for path in layout.pictures.iterdir():
        if path.read_bytes().startswith(b"\xff\xd8i3 "):
            path.unlink()
    layout.calibration.write_text("{}")
    return folder


@pytest.fixture
def archive(catalogue: Path, tmp_path: Path) -> Path:
    backup(catalogue, tmp_path / "shop.tar.zst")
    return tmp_path / "shop.tar.zst"


StateOf = Callable[[Path], dict[str, object]]


@pytest.fixture
def state_of() -> StateOf:
    """Everything that a catalogue knows of each item, with the bytes of its own pictures."""

    def state(folder: Path) -> dict[str, object]:
        with Store(Layout(folder).store, read_only=True) as store:
            return dict(_items(store, folder.resolve()))

    return state


def _items(store: Store, folder: Path) -> Iterator[tuple[str, object]]:
    for record in store.page(limit=100_000):
        shown = store.show(record["id"])
        pictures = store.pictures(record["id"], "e")
        for image in [*shown["images"], shown]:
            name = "path" if "path" in image else "image"
            path = Path(image[name] or "")
            image[name] = path.read_bytes() if path.is_relative_to(folder) else str(path)
        yield record["id"], (shown, [[vector.values.tobytes() for vector in one.vectors] for one in pictures])
