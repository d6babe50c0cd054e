"""Perceptual hashes: 64 bits that hardly change by encoding, scaling, brightening.

The mathematics is that of the library imagehash (aHash and pHash after Krawetz, "Looks Like It", 2011; dHash after
Krawetz, "Kind of Like That", 2013).
"""

from __future__ import annotations

from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Kind = Literal["ahash", "dhash", "phash"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BYTES = 8

# A picture is halved until its shorter side is below twice this. imagehash's own reduction, of the whole picture, takes
# 12 ms at 1200 x 1600 pixels and 1.8 ms at 348, as long as the embedder; halved first, 3 and 0.6.
_SHORTER_SIDE = 96
_ONES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1).astype(np.uint8)


def perceptual_hash(pixels: npt.NDArray[np.uint8], kind: Kind = "dhash") -> npt.NDArray[np.uint8]:
    """Return the hash of a picture; near duplicates differ in few bits.

    Bit for bit that of `imagehash` (8 x 8) for pictures whose shorter side is below 192 pixels. Larger ones are halved
    first, for speed: then 0 to 3 bits differ, 0.3 on average.

    Args:
        pixels: uint8 [h,w,3], RGB, upright.
        kind: "ahash" (brighter than the mean), "dhash" (brighter than the left neighbour) or "phash" (above the median
            of the low frequencies).

    Returns:
        uint8 [8]: 64 bits, row by row, the first bit highest.
    """
    import imagehash

    compute = {"ahash": imagehash.average_hash, "dhash": imagehash.dhash, "phash": imagehash.phash}[kind]
    return np.packbits(compute(Image.fromarray(_halved(pixels))).hash)


def hamming(some: npt.NDArray[np.uint8], others: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return the number of bits that differ.

    For more than a few thousand hashes use `whatsit.index.hash_index`.

    Args:
        some: uint8 [...,8].
        others: uint8 [...,8], of a shape that broadcasts with it.

    Returns:
        int64 [...], 0..64.
    """
    return np.asarray(_ONES[np.bitwise_xor(some, others)].sum(axis=-1, dtype=np.int64))


def _halved(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    while min(pixels.shape[:2]) >= 2 * _SHORTER_SIDE:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        even = pixels[: 2 * half[1], : 2 * half[0]]
        pixels = np.asarray(cv2.resize(even, half, interpolation=cv2.INTER_AREA), np.uint8)
    return np.ascontiguousarray(pixels)
