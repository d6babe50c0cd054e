"""Second step: the bytes of the pictures, wherever they lie."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources.picture_location import Image, TarImage, WebImage
from whatsit.catalogue.web import Downloads
from whatsit.vision.decode import MAX_BYTES


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
            if isinstance(image, TarImage):
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
