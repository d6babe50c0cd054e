"""Barcodes and QR codes in pixels, read by zxing-cpp."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Unavailable
from whatsit_client.types import Box

# What goods bear. Formats without a check digit (ITF of any length, Codabar) are read into stripes of any kind.
_USUAL = ("EANUPC", "QRCode", "MicroQRCode", "Code128", "DataBarOmni", "DataBarExp", "ITF14")
# Also looked for where a caller asks for codes: they cost as much as all others together.
_MORE = ("DataMatrix", "Code39")
# A picture below this is enlarged: a bar needs more than a pixel.
_SMALL = 640


@dataclass(frozen=True)
class ReadCode:
    """A code that was read off a picture.

    Args:
        text: its content; digits for products, HRI form for GS1.
        format: zxing-cpp's name, e.g. "EAN-13".
        box: x1, y1, x2, y2 in pixels of the upright picture in full.
    """

    text: str
    format: str
    box: Box

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of the box."""
        x1, y1, x2, y2 = self.box
        return (x1 + x2) / 2, (y1 + y2) / 2

    def to_json(self) -> str:
        """Return the code as JSON text."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> ReadCode:
        """Build a code from the text of `to_json`."""
        record = json.loads(text)
        return cls(record["text"], record["format"], tuple(record["box"]))


def can_read_codes() -> bool:
    """Return whether zxing-cpp is installed."""
    return _library() is not None


def read_codes(pixels: npt.NDArray[np.uint8], scale: float = 1.0, thorough: bool = False) -> tuple[ReadCode, ...]:
    """Return the codes in a picture, largest first, each text once.

    Args:
        pixels: uint8 [h,w,3] RGB, upright.
        scale: of these pixels to the full picture, 0..1.
        thorough: look for light codes on dark, Data Matrix and Code 39 too.

    Raises:
        Unavailable: zxing-cpp is not installed.
    """
    library = _library()
    if library is None:
        raise Unavailable("Codes are read by zxing-cpp, which is not installed: pip install 'whatsit[codes]'.")
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    longest = max(grey.shape)
    if longest < _SMALL:
        grow = 2.0
        grey = cv2.resize(grey, None, fx=grow, fy=grow, interpolation=cv2.INTER_CUBIC)
        scale *= grow
    names = (*_USUAL, *_MORE) if thorough else _USUAL
    formats = [getattr(library.BarcodeFormat, name) for name in names]
    for image in (grey, 255 - grey) if thorough else (grey,):
        read = library.read_barcodes(image, formats=formats, try_invert=False)
        if read:
            break
    found = [ReadCode(code.text, str(code.format), _box(code.position, scale)) for code in read if code.text.strip()]
    found.sort(key=lambda code: (code.box[0] - code.box[2]) * (code.box[3] - code.box[1]))
    return tuple({code.text: code for code in reversed(found)}[text] for text in dict.fromkeys(c.text for c in found))


def _box(position: Any, scale: float) -> Box:
    corners = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    xs, ys = [corner.x / scale for corner in corners], [corner.y / scale for corner in corners]
    return min(xs), min(ys), max(xs), max(ys)


@cache
def _library() -> Any:
    """Return zxing-cpp's module, None where it is not installed."""
    try:
        import zxingcpp
    except ImportError:
        return None
    return zxingcpp
