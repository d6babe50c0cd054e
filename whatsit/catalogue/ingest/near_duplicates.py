"""Near duplicates among the pictures of one item: reported, and kept.

What becomes of them, and of those that several items share, is decided by `whatsit catalogue clean`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from whatsit.catalogue.ingest.picture_analysis import HASH
from whatsit.catalogue.item import Picture
from whatsit.vision.perceptual_hash import hamming

# Bits of 64. A picture that was encoded again differs in fewer; a careful report names the certain ones alone.
NEAR_BITS = 4


def near_duplicates(pictures: Sequence[Picture]) -> Iterator[tuple[int, int, int]]:
    """Those pictures of an item that nearly equal an earlier one.

    Args:
        pictures: of one item; those without a hash are passed over.

    Yields:
        Position of the picture, position of the first that it resembles (0 is the first), and differing bits.
    """
    hashed = [(at, _bits(one.facts.hashes[HASH])) for at, one in enumerate(pictures) if HASH in one.facts.hashes]
    for number, (position, bits) in enumerate(hashed):
        for earlier, others in hashed[:number]:
            distance = int(hamming(bits, others))
            if distance <= NEAR_BITS:
                yield position, earlier, distance
                break


def _bits(value: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(value, dtype=np.uint8)
