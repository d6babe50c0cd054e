"""Catalogues with made-up vectors: no network is needed to test the rooms around it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from copy import copy
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from whatsit.catalogue.backends import open_index_view, open_store, set_store_url
from whatsit.catalogue.item import Picture, Vector
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.protocols import CatalogueStore, IndexView
from whatsit.catalogue.publish import publish
from whatsit.catalogue.store.store import Store

_made = count()

ENGINES = ("faiss+sqlite", "milvus-lite")


class Engine:
    """One catalogue in a folder of its own.

    Args:
        folder: of the catalogue.
        url: of the store in Milvus, None for an embedded one.
    """

    def __init__(self, folder: Path, url: str | None) -> None:
        self.folder, self.url = folder, url
        if url is not None:
            set_store_url(folder, url)
        self.items: CatalogueStore = open_store(folder)

    def open_index_view(self, fingerprint: str) -> IndexView:
        """The index, published first where the engine needs that."""
        if isinstance(self.items, Store) and not (Layout(self.folder).index / "CURRENT").exists():
            publish(self.items, Layout(self.folder).index)
        return open_index_view(self.items, self.folder, fingerprint)

    def reader(self) -> Engine:
        """The same catalogue, opened a second time."""
        second = copy(self)
        second.items = open_store(self.folder, read_only=True)
        return second

    def publish(self) -> None:
        """Fold changes into the index, where the engine has a step for that."""
        if isinstance(self.items, Store):
            publish(self.items, Layout(self.folder).index)


@pytest.fixture(scope="session")
def milvus_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One file of milvus-lite for the whole session; each test has a catalogue of its own in it."""
    pytest.importorskip("milvus_lite", reason="the extra 'milvus' is not installed")
    return str(tmp_path_factory.mktemp("milvus") / "catalogues.db")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """An empty catalogue on each engine."""
    url = None
    if request.param == "milvus-lite":
        url = f"milvus://{request.getfixturevalue('milvus_file')}?catalogue=t{next(_made)}"
    return Engine(tmp_path / "folder", url)


VectorOf = Callable[[bytes], npt.NDArray[np.float32]]
PictureOf = Callable[..., Picture]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "catalogue.sqlite") as opened:
        yield opened


@pytest.fixture
def vector_of() -> VectorOf:
    """A unit vector of 8 numbers that depends on the bytes alone."""

    def make(data: bytes) -> npt.NDArray[np.float32]:
        seed = int.from_bytes(hashlib.sha256(data).digest()[:8], "big")
        vector = np.random.default_rng(seed).normal(size=8).astype(np.float32)
        return vector / np.linalg.norm(vector)

    return make


@pytest.fixture
def picture_of(vector_of: VectorOf) -> PictureOf:
    """A picture of that name with as many regions."""

    def make(name: str, regions: int = 1) -> Picture:
        data = [f"{name} {region}".encode() for region in range(regions)]
        vectors = tuple(Vector((0.0, 0.0, 10.0 + i, 20.0), vector_of(one)) for i, one in enumerate(data))
        return Picture(f"/pictures/{name}.jpg", hashlib.sha256(data[0]).hexdigest(), vectors)

    return make
