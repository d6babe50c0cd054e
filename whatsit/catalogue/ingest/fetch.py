"""Second step: the bytes of the pictures, and their digests."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources.cloud_image import CloudImage
from whatsit.catalogue.sources.picture_location import Image, InlineImage, TarImage, WebImage, ZipImage
from whatsit.catalogue.web import Downloads
from whatsit.vision.decode import MAX_BYTES


@dataclass(frozen=True)
class Fetched:
    """Bytes of one picture with their digests.

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
        """Return the picture with its digests."""
        md5 = hashlib.md5(data, usedforsecurity=False).digest()
        return cls(image, data, md5, hashlib.sha256(data).hexdigest())


@dataclass(frozen=True)
class Fetch:
    """Reads pictures; may be called from many threads.

    Args:
        downloads: the limits for pictures on the web.
    """

    downloads: Downloads = field(default_factory=Downloads)

    def __call__(self, image: Image) -> bytes:
        """Return the bytes of a picture, at most one more than are allowed.

        Raises:
            InvalidInput: it cannot be had.
        """
        try:
            if isinstance(image, WebImage):
                return self.downloads.get(image.url)
            if isinstance(image, InlineImage):
                return image.data[: MAX_BYTES + 1]
            if isinstance(image, (TarImage, ZipImage, CloudImage)):
                return image.read(MAX_BYTES + 1)
            return _read(image)
        except InvalidInput:
            raise
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InvalidInput(f"the picture cannot be read ({reason})") from error


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise InvalidInput("there is no such picture")
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)
