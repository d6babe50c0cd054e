"""Decoding of image files to upright RGB pixels."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps
from whatsit_client.errors import InvalidInput

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000
FORMATS = ("JPEG", "PNG", "WEBP")

_ORIENTATION = 0x0112  # the EXIF tag
_SIDEWAYS = frozenset({5, 6, 7, 8})


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
    """Decode a JPEG, PNG or WebP file.

    EXIF rotation is applied, transparency is laid on white, the first frame of an animation is taken, grey, palette,
    CMYK and 16-bit pictures become 8-bit RGB. JPEG files decode at reduced scale where `max_side` allows it, which
    costs a fraction of the time.

    Args:
        data: the encoded file, bytes or uint8 [n].
        max_side: the longer side of the result is at most this, in pixels; None keeps the full size.
        jpeg: decodes plain JPEG files in Pillow's place, to upright RGB in full size; None from it leaves the file to
            Pillow. See `GpuJpeg`.

    Raises:
        InvalidInput: the data is empty, over 20 MB, over 50 megapixels (both before decoding), no picture, of another
            type, or damaged.
    """
    raw = data if isinstance(data, bytes) else data.tobytes()
    if not raw:
        raise InvalidInput("The image is empty: send the bytes of a JPEG, PNG or WebP file.", "empty")
    if len(raw) > MAX_BYTES:
        raise InvalidInput(
            f"The image has {len(raw):,} bytes, more than the {MAX_BYTES:,} allowed: send a smaller file.", "size"
        )
    image = _open(raw)
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InvalidInput(
            f"The image has {width}x{height} pixels, more than the 50 megapixels allowed: scale it down.", "size"
        )
    if jpeg is not None and image.format == "JPEG" and image.mode in ("RGB", "L"):
        whole = jpeg(raw)
        if whole is not None:
            height, width = whole.shape[:2]
            small = max_side and max(width, height) > max_side
            pixels = np.asarray(_fit(Image.fromarray(whole), max_side)) if small and max_side else whole
            return Decoded(pixels, width, height)
    if max_side and image.format == "JPEG":
        image.draft(None, (min(width, max_side), min(height, max_side)))
    try:
        sideways = image.getexif().get(_ORIENTATION) in _SIDEWAYS
        image.seek(0)
        image.load()
        upright = ImageOps.exif_transpose(image)
        rgb = _to_rgb(upright)
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        sentence = f"The {image.format} image is damaged or cut off ({error}): send the whole file."
        raise InvalidInput(sentence, "damaged") from error
    if max_side and max(rgb.size) > max_side:
        rgb = _fit(rgb, max_side)
    pixels = np.asarray(rgb, dtype=np.uint8)
    return Decoded(pixels, *((height, width) if sideways else (width, height)))


def _open(raw: bytes) -> Image.Image:
    """Read the header alone."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(raw), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise InvalidInput("The image has more than the 50 megapixels allowed: scale it down.", "size") from error
    except Exception as error:  # Pillow's readers raise anything on hostile bytes
        sentence = "The data is no readable JPEG, PNG or WebP image: send the bytes of such a file."
        raise InvalidInput(sentence, "format") from error


def _fit(image: Image.Image, max_side: int) -> Image.Image:
    scale = max_side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I") or image.mode == "F":  # 16-bit grey: Pillow's own conversion would clip it
        wide = np.asarray(image, dtype=np.float64)
        depth = 257.0 if wide.max(initial=0) > 255 or image.mode.startswith("I;16") else 1.0
        return Image.fromarray(np.clip(wide / depth, 0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, with_alpha).convert("RGB")
    return image.convert("RGB")
