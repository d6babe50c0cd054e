"""A catalogue in whose photos people cropped two known things; no network runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from perf.loop.crops.people import Habits, crop_each
from tests.catalogue.test_cleaning import E, around
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.click_log import Click
from whatsit.catalogue.store.picture_files import keep_again
from whatsit.catalogue.store.store import Store
from whatsit.rendering.shop import encode_jpeg
from whatsit.vision.boxes import iou

SIZE = (400, 320)
THINGS = np.array([[20, 30, 140, 290], [220, 60, 380, 200]], dtype=np.float32)
NAMES = ("bottle", "cup")


class KnownThings:
    """Stands for the networks: a region's vector is that of the thing that it overlaps most."""

    fingerprint = E
    labels = ("object", *NAMES)

    def embed(self, data: bytes, box: Sequence[float] | None) -> tuple[npt.NDArray[np.float32], int, int]:
        place = np.array([box or (0, 0, *SIZE)], dtype=np.float32)
        return around(int(iou(place, THINGS)[0].argmax()), round(float(place.sum()))), *SIZE


def photo(number: int) -> bytes:
    pixels = np.full((SIZE[1], SIZE[0], 3), 200, np.uint8)
    for shade, (x1, y1, x2, y2) in enumerate(THINGS.astype(int)):
        pixels[y1:y2, x1:x2] = (30 + 40 * number, 60 + 90 * shade, 90)
    return encode_jpeg(pixels)


def crop(store: Store, data: bytes, box: Sequence[float], item: str = "", kind: str = "crop") -> Path:
    path = keep_again(None, Layout(store.folder).clicks, data)
    x1, y1, x2, y2 = map(float, box)
    store.clicks.record(Click(item, path, (x1, y1, x2, y2), kind))  # type: ignore[arg-type]
    return path


@pytest.fixture
def cropped(tmp_path: Path) -> Iterator[Store]:
    """Two photos: one with eight crops of each thing and one chosen item, one with a single crop."""
    with Store(tmp_path / "catalogue.sqlite") as store:
        items = []
        for thing, name in enumerate(NAMES):
            for n in range(3):
                vector = Vector((0.0, 0.0, 90.0, 90.0), around(thing, n))
                one = Picture(f"/{name}{n}.jpg", f"{name}{n}", (vector,))
                items.append((ItemFields(f"{name}-{n}", title=name, category=name), [one], E))
        store.put(items)
        rng = np.random.default_rng(5)
        for box in crop_each(THINGS, SIZE, 8, rng, Habits(stray=0.0, several=0.0, part=0.0)).boxes:
            crop(store, photo(0), box.tolist())
        crop(store, photo(0), THINGS[0].tolist(), "bottle-1", "match")
        crop(store, photo(0), (0, 0, *SIZE))  # all of it: says nothing of where
        crop(store, photo(1), THINGS[1].tolist(), kind="none")
        yield store
