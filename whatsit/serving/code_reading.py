"""Reading of codes in the steps that hold the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import WhatsitError

from whatsit.catalogue.backends import open_embedded, store_url
from whatsit.pipeline.decoded_picture import DecodedPicture, Pixels
from whatsit.pipeline.picture_codes import picture_codes
from whatsit.serving.environment import served_catalogues
from whatsit.serving.metrics.definitions import STAGE_SECONDS
from whatsit.serving.open_catalogues import OpenCatalogues
from whatsit.serving.request_options import Options
from whatsit.vision.code_reader import ReadCode, can_read_codes

CodeRows = npt.NDArray[np.object_]


class CodeReading:
    """Reads a picture's codes where the call asks, or else its catalogue has some."""

    def __init__(self) -> None:
        self._catalogues: OpenCatalogues[Callable[[], bool]] | None = None

    def __call__(self, data: Pixels, picture: DecodedPicture, options: Options) -> CodeRows:
        """Return the tensor CODES of a picture.

        Raises:
            Unavailable: the call asks for codes, and zxing-cpp is not installed.
        """
        if options.codes == "off" or (options.codes == "auto" and not self._is_worthwhile(options.catalogue)):
            return pack_codes(())
        with STAGE_SECONDS.timed("codes"):
            return pack_codes(picture_codes(data, picture, options.codes == "on"))

    def _is_worthwhile(self, catalogue: str | None) -> bool:
        """Return whether the catalogue has an item with a code."""
        if not can_read_codes():
            return False
        try:
            if self._catalogues is None:
                self._catalogues = OpenCatalogues(served_catalogues(), _open)
            return self._catalogues(catalogue)()
        except WhatsitError:  # the search says what is wrong with the catalogue
            return False


def pack_codes(codes: Sequence[ReadCode]) -> CodeRows:
    """Return the codes as a BYTES tensor of JSON texts.

    Triton passes no empty tensor between steps reliably: the first row is empty and is ignored.
    """
    return np.array([b"", *(code.to_json().encode() for code in codes)], dtype=object)


def unpack_codes(rows: npt.NDArray[Any]) -> tuple[ReadCode, ...]:
    """Return what `pack_codes` packed."""
    return tuple(ReadCode.from_json(row.decode()) for row in rows.ravel() if row)


def _open(folder: Path) -> Callable[[], bool]:
    """Return a function that says whether the catalogue has items with codes now."""
    if store_url(folder) is not None:
        return lambda: False  # Milvus keeps none
    return open_embedded(folder, "which keeps no codes", read_only=True).codes.kept
