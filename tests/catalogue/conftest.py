"""Catalogues with made-up vectors: no network is needed to test the rooms around it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from whatsit.catalogue.item import Picture, Vector
from whatsit.catalogue.store import Store

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
