"""Perceptual hashes in a FAISS binary index, with exact radius search."""

from __future__ import annotations

import threading

import faiss
import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

Hashes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]

BITS = 64
# Two hashes that differ in at most r bits differ in at most r // 3 bits of one of three parts, so a search of each part
# with that many bits flipped finds every neighbour (Norouzi et al., "Fast Exact Search in Hamming Space with
# Multi-Index Hashing", 2012). Of a million hashes, half of them clustered, parts of 21 bits took less time at radius 3
# to 8 than 2 x 32 or 4 x 16 bits; with three flips, from radius 9 on, comparing with all hashes takes less.
_PARTS, _PART_BITS = 3, 21
# From so many hashes on, a look-up with 0, 1 and 2 flips takes less than comparing with all.
_WORTH = (5_000, 20_000, 200_000)
_BATCH = 4096


class HashIndex:
    """Hashes of 64 bits; may be searched from many threads.

    Args:
        hashes: uint8 [N,8]; row n is found as number n.
        buckets: True looks up parts of hashes wherever it can (radius 0 to 8), False compares with all, None does what
            takes less. All find the same.

    Raises:
        InvalidInput: the hashes are of another shape.

    Example:
        >>> index = HashIndex(np.array([[0] * 8, [1] + [0] * 7, [255] * 8], np.uint8))
        >>> rows, numbers, bits = index.within(np.zeros((1, 8), np.uint8), 4)
        >>> rows.tolist(), numbers.tolist(), bits.tolist()
        ([0, 0], [0, 1], [0, 1])
    """

    def __init__(self, hashes: Hashes, buckets: bool | None = None) -> None:
        _check(hashes)
        kept = np.ascontiguousarray(hashes)
        self._flat = faiss.IndexBinaryFlat(BITS)
        self._flat.add(kept)
        self._buckets = None
        self._worth = (0, 0, 0) if buckets else _WORTH
        self._flipping = threading.Lock()
        if buckets or (buckets is None and len(kept) >= _WORTH[0]):
            self._buckets = faiss.IndexBinaryMultiHash(BITS, _PARTS, _PART_BITS)
            self._buckets.add(kept)

    def within(self, queries: Hashes, radius: int) -> tuple[Numbers, Numbers, Numbers]:
        """Return all hashes that differ from a query in at most `radius` bits.

        Args:
            queries: uint8 [Q,8].
            radius: 0..64.

        Returns:
            int64 [M] each, by row and number: rows of `queries`, numbers of the hashes found, and bits that differ.

        Raises:
            InvalidInput: the queries are of another shape, or the radius is out of range.
        """
        _check(queries)
        if not 0 <= radius <= BITS:
            raise InvalidInput(f"The radius is 0..{BITS} bits, not {radius}.")
        starts = range(0, max(len(queries), 1), _BATCH)
        parts = [self._batch(queries[start : start + _BATCH], radius, start) for start in starts]
        rows, numbers, bits = (np.concatenate(some) for some in zip(*parts, strict=True))
        order = np.lexsort((numbers, rows))
        return rows[order], numbers[order], bits[order]

    def _batch(self, queries: Hashes, radius: int, first: int) -> tuple[Numbers, Numbers, Numbers]:
        queries = np.ascontiguousarray(queries)
        flips = radius // _PARTS
        if self._buckets is not None and flips < len(_WORTH) and self._flat.ntotal >= self._worth[flips]:
            with self._flipping:
                self._buckets.nflip = flips
                limits, bits, numbers = self._buckets.range_search(queries, radius + 1)  # below, not up to
        else:
            limits, bits, numbers = self._flat.range_search(queries, radius + 1)
        rows = np.repeat(np.arange(first, first + len(queries)), np.diff(limits.astype(np.int64)))
        return rows, numbers.astype(np.int64), bits.astype(np.int64)


def _check(hashes: Hashes) -> None:
    if hashes.dtype != np.uint8 or hashes.ndim != 2 or hashes.shape[1] != BITS // 8:
        raise InvalidInput(f"Hashes must be uint8 [N,{BITS // 8}], not {hashes.dtype} {list(hashes.shape)}.")
