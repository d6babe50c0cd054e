"""A catalogue whose pictures and vectors are made up, and a clock that tests turn."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.catalogue.test_cleaning import E, around
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.review.catalogue_review import Review
from whatsit.catalogue.review.task_table import Candidate, Filled
from whatsit.catalogue.store.picture_metadata import PictureMetadata
from whatsit.catalogue.store.store import Store


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def sha(id: str, n: int) -> str:
    return hashlib.sha256(f"{id}{n}".encode()).hexdigest()


def add_item(store: Store, id: str, centre: int, pictures: int, title: str | None = None) -> None:
    """Put an item whose pictures have hashes of one bit's difference, the first the largest."""
    found = []
    for n in range(pictures):
        bits = np.zeros(64, np.uint8)
        bits[: 8 * centre], bits[-n - 1] = 1, 1
        facts = PictureMetadata(hashes={"dhash": np.packbits(bits).tobytes()})
        vector = Vector((0.0, 0.0, 200.0 - n, 100.0), around(centre, n, 0.01))
        found.append(Picture(f"/{id}{n}.jpg", sha(id, n), (vector,), None, facts))
    store.put([(ItemFields(id, title=title or f"item {id}"), found, E)])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def review(store: Store, clock: Clock) -> Review:
    """Three items of four pictures each; nothing is decided twice."""
    for centre, id in enumerate("abc"):
        add_item(store, id, centre, 4)
    found = Review(store, clock)
    found.tasks.set_share(0.0)
    return found


@pytest.fixture
def fill(review: Review) -> Callable[[int, bool], list[int]]:
    """Fill the queue of near duplicates with made-up tasks on pictures of items of their own; return their numbers."""

    def work(count: int, sample: bool = False) -> list[int]:
        review.tasks.set_share(1.0 if sample else 0.0)
        for n in range(count):
            add_item(review.store, f"t{n}", n % 8, 2)
        found = [
            Candidate(f"t{n}", 1.0 - n / 1000, {"item": f"t{n}", "first": sha(f"t{n}", 0), "second": sha(f"t{n}", 1)})
            for n in range(count)
        ]
        review.tasks.fill("duplicates", found, Filled(), review.clock())
        with review.store.snapshot() as connection:
            return [row[0] for row in connection.execute("SELECT task FROM review_tasks ORDER BY task")]

    return work


@pytest.fixture
def picture_file(tmp_path: Path) -> Path:
    """A photo of a visitor."""
    from whatsit.rendering.shop import encode_jpeg

    path = tmp_path / "photo.jpg"
    path.write_bytes(encode_jpeg(np.full((60, 80, 3), 90, np.uint8)))
    return path
