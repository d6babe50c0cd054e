"""Third step: exact duplicates, by the digests of the bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from whatsit.catalogue.sources.picture_location import Image


@dataclass(frozen=True)
class Fetched:
    """The bytes of one picture with their digests.

    Args:
        image: where it lies.
        data: the encoded file.
        md5: 16 bytes. What merchants' and object stores' own lists of files speak; equal ones are the same file.
        sha256: hexadecimal. By it a picture is known again, for MD5 can be forged.
    """

    image: Image
    data: bytes
    md5: bytes
    sha256: str

    @classmethod
    def of(cls, image: Image, data: bytes) -> Fetched:
        """The picture with its digests."""
        md5 = hashlib.md5(data, usedforsecurity=False).digest()
        return cls(image, data, md5, hashlib.sha256(data).hexdigest())


def first_alike(digest: str, before: Sequence[str]) -> int | None:
    """Return the position (from 1) of the picture with this digest, None for none."""
    return before.index(digest) + 1 if digest in before else None
