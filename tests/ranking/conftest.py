"""A small gallery in memory as the search context of matches."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest

from whatsit.ranking import Matches
from whatsit.vision.local_features import LocalFeatures


@dataclass(frozen=True)
class Gallery:
    """One vector per item; item i is row i. Counts what is asked of it."""

    query: npt.NDArray[np.float32]
    rows: npt.NDArray[np.float32]
    asked: list[str] = field(default_factory=list)
    area: float = 1.0
    score: float = 1.0
    features: LocalFeatures = field(default_factory=LocalFeatures.none)

    def vectors(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        self.asked.append("vectors")
        return self.rows[numbers]

    def search_from(self, vector: npt.NDArray[np.float32]) -> Matches:
        self.asked.append("search")
        return self.matches().rescore(2.0 - np.linalg.norm(self.rows.astype(np.float64) - vector, axis=1))

    def read_words(self) -> tuple[str, ...]:
        self.asked.append("words")
        return ()

    def matches(self) -> Matches:
        """All items, in the order of the rows."""
        scores = (2.0 - np.linalg.norm(self.rows - self.query, axis=1)).astype(np.float32)
        return Matches(np.arange(len(self.rows)), scores, ("",) * len(self.rows), context=self)


def random_gallery(seed: int, items: int, dimension: int = 8) -> Gallery:
    vectors = np.random.default_rng(seed).normal(size=(items + 1, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Gallery(vectors[0], vectors[1:])


@pytest.fixture
def gallery() -> Gallery:
    return random_gallery(0, 12)


@pytest.fixture
def make_gallery() -> type[Gallery]:
    return Gallery
