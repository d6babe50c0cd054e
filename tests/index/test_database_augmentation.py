"""Database-side averaging, computed again with plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.index.database_augmentation import average_database


def test_each_vector_moves_towards_its_nearest() -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 16)).astype(np.float32)
    vectors[1] = vectors[0] + 0.1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = average_database(vectors, neighbours=2, alpha=3.0)
    for i, vector in enumerate(vectors):
        likeness = vectors @ vector
        nearest = np.argsort(-likeness)[:3]
        assert nearest[0] == i
        mean = sum(max(float(likeness[j]), 0.0) ** 3 * vectors[j] for j in nearest)
        np.testing.assert_allclose(found[i], mean / np.linalg.norm(mean), atol=1e-5)


def test_small_and_empty_catalogues() -> None:
    one = np.eye(4, dtype=np.float32)[:1]
    np.testing.assert_allclose(average_database(one), one)
    assert average_database(np.empty((0, 4), dtype=np.float32)).shape == (0, 4)
    with pytest.raises(InvalidInput, match="Averaging"):
        average_database(one, neighbours=0)
