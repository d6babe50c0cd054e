"""The hash index finds what comparing bit by bit finds, by buckets and by a scan, whatever the radius."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.index.hash_index import HashIndex

Hashes = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def hashes() -> Hashes:
    """Clusters around 300 hashes, and as many at random."""
    random = np.random.default_rng(0)
    centres = random.integers(0, 2, (300, 64), dtype=np.uint8)
    near = centres[random.integers(0, 300, 15_000)] ^ (random.random((15_000, 64)) < 0.08).astype(np.uint8)
    return np.concatenate([np.packbits(near, axis=1), random.integers(0, 256, (15_000, 8), dtype=np.uint8)])


@pytest.mark.parametrize("radius", [0, 2, 3, 6, 8, 9, 12])
def test_exactly_the_neighbours_are_found(hashes: Hashes, radius: int) -> None:
    random = np.random.default_rng(radius)
    flips = np.packbits((random.random((40, 64)) < 0.05).astype(np.uint8), axis=1)
    queries = hashes[random.integers(0, len(hashes), 40)] ^ flips
    apart = np.unpackbits(queries[:, None] ^ hashes[None], axis=2).sum(axis=2)
    rows, numbers = np.nonzero(apart <= radius)
    for index in (HashIndex(hashes), HashIndex(hashes, buckets=True), HashIndex(hashes, buckets=False)):
        found = index.within(queries, radius)
        for got, expected in zip(found, (rows, numbers, apart[rows, numbers]), strict=True):
            np.testing.assert_array_equal(got, expected)


def test_more_queries_than_a_batch(hashes: Hashes) -> None:
    rows, numbers, bits = HashIndex(hashes[:3000]).within(np.concatenate([hashes[:3000]] * 2), 0)
    assert (bits == 0).all()
    assert set(zip(rows.tolist(), numbers.tolist(), strict=True)) >= {(n, n % 3000) for n in range(6000)}


def test_empty_and_refused(hashes: Hashes) -> None:
    for part in HashIndex(hashes[:0]).within(hashes[:5], 10):
        assert part.shape == (0,)
    for part in HashIndex(hashes[:5]).within(hashes[:0], 10):
        assert part.shape == (0,)
    with pytest.raises(InvalidInput, match="radius is 0..64"):
        HashIndex(hashes[:5]).within(hashes[:5], 65)
    with pytest.raises(InvalidInput, match="uint8"):
        HashIndex(hashes[:, :4])
