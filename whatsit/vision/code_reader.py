"""Barcodes and QR codes in pixels, read by zxing-cpp."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Unavailable
from whatsit_client.types import Box

from whatsit.vision.code_strips import Grey, find_strips

# What goods bear. Formats without a check digit (ITF of any length, Codabar) are read into stripes of any kind.
_USUAL = ("EANUPC", "QRCode", "MicroQRCode", "Code128", "DataBarOmni", "DataBarExp", "ITF14")
# Also looked for where a caller asks for codes: they cost as much as all others together.
_MORE = ("DataMatrix", "Code39")
# Those of stripes: they are looked for once more where nothing was found.
_STRIPES = ("EANUPC", "Code128", "ITF14", "DataBarOmni")
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
    grey: Grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    if max(grey.shape) < _SMALL:
        grey = np.asarray(cv2.resize(grey, None, fx=2.0, fy=2.0, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
        scale *= 2.0
    found: list[ReadCode] = []
    for image in (grey, np.bitwise_not(grey)) if thorough else (grey,):
        found = _read(library, image, (*_USUAL, *_MORE) if thorough else _USUAL) or _read_strips(
            library, image, 9 if thorough else 3
        )
        if found:
            break
    found = [replace(code, box=_box(np.array(code.box).reshape(2, 2) / scale)) for code in found]
    found.sort(key=lambda code: (code.box[0] - code.box[2]) * (code.box[3] - code.box[1]))
    largest: dict[str, ReadCode] = {}
    for code in found:
        largest.setdefault(code.text, code)
    return tuple(largest.values())


def _read(library: Any, grey: Grey, formats: Sequence[str], turned: bool = True) -> list[ReadCode]:
    """Return the codes in grey pixels, with boxes in these pixels."""
    kinds = [getattr(library.BarcodeFormat, name) for name in formats]
    read = library.read_barcodes(grey, formats=kinds, try_invert=False, try_rotate=turned)
    return [ReadCode(code.text, str(code.format), _box(_corners(code.position))) for code in read if code.text.strip()]


def _read_strips(library: Any, grey: Grey, most: int) -> list[ReadCode]:
    """Return the barcodes in areas of stripes, which are small or at a slant."""
    found = []
    for strip in find_strips(grey, most):
        for code in _read(library, strip.pixels, _STRIPES, turned=False):
            x1, y1, x2, y2 = code.box
            corners = np.array([[x1, y1, 1], [x2, y1, 1], [x2, y2, 1], [x1, y2, 1]], dtype=np.float64)
            found.append(replace(code, box=_box(corners @ strip.back.T)))
    return found


def _corners(position: Any) -> npt.NDArray[np.float64]:
    corners = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    return np.array([(corner.x, corner.y) for corner in corners], dtype=np.float64)


def _box(corners: npt.NDArray[np.float64]) -> Box:
    (x1, y1), (x2, y2) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return x1, y1, x2, y2


@cache
def _library() -> Any:
    """Return zxing-cpp's module, None where it is not installed."""
    try:
        import zxingcpp
    except ImportError:
        return None
    return zxingcpp
