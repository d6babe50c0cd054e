"""Decoding of image files to upright RGB pixels."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from whatsit_client.errors import InvalidInput

from whatsit.vision.colour import to_rgb
from whatsit.vision.large_webp import load_webp
from whatsit.vision.picture_file import MAX_BYTES, MAX_PIXELS, open_picture

__all__ = ["MAX_BYTES", "MAX_PIXELS", "Decoded", "decode_image"]

_ORIENTATION = 0x0112  # the EXIF tag
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = frozenset({5, 6, 7, 8})
_NAMES = {"WEBP": "WebP", "JPEG2000": "JPEG 2000", "HEIF": "HEIC", "MPO": "JPEG"}
_MOST_WORDS = 120
_ENOUGH = 0.9  # of `max_side` is enough, where a JPEG file then decodes at a half, a quarter or an eighth


@dataclass(frozen=True)
class Decoded:
    """An upright picture.

    Args:
        pixels: uint8 [h,w,3] RGB, possibly at reduced scale.
        width: of the upright picture in full, in pixels.
        height: of the upright picture in full, in pixels.
    """

    pixels: npt.NDArray[np.uint8]
    width: int
    height: int

    @property
    def scale(self) -> float:
        """Pixels of `pixels` per pixel of the full picture, 0..1."""
        return self.pixels.shape[1] / self.width


def decode_image(
    data: bytes | npt.NDArray[np.uint8],
    max_side: int | None = None,
    jpeg: Callable[[bytes], npt.NDArray[np.uint8] | None] | None = None,
) -> Decoded:
    """Decode a JPEG, PNG, WebP, HEIC, AVIF, TIFF, GIF, BMP or JPEG 2000 file.

    EXIF and HEIF rotation is applied, ICC profiles are converted to sRGB, transparency is laid on white (on grey where
    the thing itself is white), the first frame of an animation and the base picture of a file with several are taken,
    gain maps are ignored; grey, palette, CMYK, Lab, 16-bit and float pictures become 8-bit RGB. JPEG files decode at
    reduced scale where `max_side` allows it, which costs a fraction of the time, or where they have over 50 megapixels.

    Args:
        data: the encoded file, bytes or uint8 [n].
        max_side: the longer side of the result is at most this, in pixels, and of a larger JPEG file at least nine
            tenths of it; None keeps the full size.
        jpeg: decodes plain JPEG files in Pillow's place, to upright RGB in full size; None from it leaves the file to
            Pillow. See `GpuJpeg`.

    Raises:
        InvalidInput: the data is empty, over 20 MB, over 50 megapixels (200 for JPEG, 25 for JPEG 2000; all before
            decoding), asks for more work than a picture may, is no picture, of another type, or damaged.
    """
    raw = data if isinstance(data, bytes) else data.tobytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on damaged metadata and large pictures
        image = open_picture(raw)
        if jpeg is not None and image.format == "JPEG" and image.mode in ("RGB", "L"):
            decoded = _by_gpu(raw, image, max_side, jpeg)
            if decoded is not None:
                return decoded
        return _by_pillow(raw, image, max_side)


def _by_gpu(
    raw: bytes,
    image: Image.Image,
    max_side: int | None,
    jpeg: Callable[[bytes], npt.NDArray[np.uint8] | None],
) -> Decoded | None:
    if image.width * image.height > MAX_PIXELS:
        return None
    whole = jpeg(raw)
    if whole is None:
        return None
    height, width = whole.shape[:2]
    profile = image.info.get("icc_profile")
    if profile is None and (not max_side or max(width, height) <= max_side):
        return Decoded(whole, width, height)
    upright = Image.fromarray(whole)
    upright.info["icc_profile"] = profile
    return Decoded(np.asarray(to_rgb(upright, max_side)), width, height)


def _by_pillow(raw: bytes, image: Image.Image, max_side: int | None) -> Decoded:
    width, height = image.size
    reduced = _reduce(raw, image, max_side)
    try:
        if image.format != "HEIF":  # whose primary picture may not be the first
            image.seek(0)
        loaded = load_webp(raw, image) if image.format == "WEBP" else image
        loaded.load()
        if not reduced:
            width, height = image.size
        orientation = _orientation(image)  # after loading, which turns TIFF
        turned = _UPRIGHT.get(orientation)
        upright = loaded if turned is None else loaded.transpose(turned)
        pixels = np.asarray(to_rgb(upright, max_side), dtype=np.uint8)
    except Exception as error:  # Pillow's readers raise anything on hostile bytes
        kind = _NAMES.get(image.format or "", image.format)
        words = " ".join(str(error).split())[:_MOST_WORDS] or type(error).__name__
        raise InvalidInput(
            f"The {kind} image is damaged or cut off ({words}): send the whole file.", "damaged"
        ) from error
    return Decoded(pixels, *((height, width) if orientation in _SIDEWAYS else (width, height)))


def _reduce(raw: bytes, image: Image.Image, max_side: int | None) -> bool:
    """Ask for reduced scale where it is enough; return whether it was granted."""
    width, height = image.size
    if image.format == "JPEG2000":
        return _reduce_jpeg2000(raw, image, max_side)
    if image.format not in ("JPEG", "MPO"):
        return False
    if width * height > MAX_PIXELS:
        side = max_side or max(width, height)
        image.draft(None, (min(width // 2, side), min(height // 2, side)))
    elif max_side and image.format == "JPEG":
        side = max(width, height)
        part = next((part for part in (8, 4, 2) if side >= part * _ENOUGH * max_side), 1)
        image.draft(None, (max(1, width // part), max(1, height // part)))
    return image.size != (width, height)


def _reduce_jpeg2000(raw: bytes, image: Image.Image, max_side: int | None) -> bool:
    """Leave out resolution levels of a JPEG 2000 file that `max_side` has no use for."""
    style = raw.find(b"\xff\x52")  # coding style default: length, flags, order, layers, transform, levels
    levels = raw[style + 9] if 0 <= style < len(raw) - 9 else 0
    spare = max(image.size) // max_side if max_side else 1
    image.reduce = min(levels, max(spare.bit_length() - 1, 0))  # type: ignore[method-assign,assignment]
    return bool(image.reduce)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged metadata must not cost the picture
        return 1
