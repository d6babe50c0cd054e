"""Encoding of pictures: a path, bytes, Pillow image or array to an image file."""

from __future__ import annotations

import importlib
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from whatsit_client.errors import InvalidInput

ImageLike = str | Path | bytes | Image.Image | npt.NDArray[np.uint8]

_AVIF = (b"avif", b"avis")
_JPEG_MODES = frozenset({"1", "L", "RGB", "CMYK", "YCbCr"})


def encode(image: ImageLike) -> bytes:
    """Return a picture as an encoded file.

    Files and bytes go as they are; the server checks them. Pixels become a JPEG of quality 95 without chroma
    subsampling, or a PNG where they have transparency or more than 8 bits.

    Args:
        image: path of a file, bytes of a file, Pillow image, or RGB pixels uint8 [H,W,3].

    Raises:
        InvalidInput: no such file, no bytes, or an array of another shape or type.
    """
    if isinstance(image, (str, Path)):
        data = _read(Path(image))
    elif isinstance(image, (bytes, bytearray, memoryview)):
        data = bytes(image)
    elif isinstance(image, Image.Image):
        data = _save(image)
    elif isinstance(image, np.ndarray):
        data = _save(_picture(image))
    else:
        raise InvalidInput(f"An image is a path, bytes, a Pillow image or a numpy array, not {type(image).__name__}.")
    if not data:
        raise InvalidInput("The image is empty: send the bytes of a picture file.")
    return data


def open_upright(image: ImageLike) -> Image.Image:
    """Return the picture as RGB, upright by its EXIF tag, transparency on white.

    HEIC is read where pillow-heif is installed (`pip install 'whatsit-client[heic]'`), AVIF by Pillow from 11.3 on.

    Raises:
        InvalidInput: it cannot be read.
    """
    try:
        if isinstance(image, np.ndarray):
            picture = _picture(image)
        elif isinstance(image, Image.Image):
            picture = image
        else:
            data = encode(image)
            _register_heif(data)
            picture = Image.open(io.BytesIO(data))
        upright = ImageOps.exif_transpose(picture)
        if "A" in upright.getbands() or "transparency" in upright.info:
            white = Image.new("RGBA", upright.size, "white")
            upright = Image.alpha_composite(white, upright.convert("RGBA"))
        return upright.convert("RGB")
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InvalidInput(f"The image cannot be read ({error}): give a JPEG, PNG or WebP file.") from error


def _register_heif(data: bytes) -> None:
    """Make Pillow read HEIC.

    Raises:
        InvalidInput: the picture is HEIC, and pillow-heif is missing.
    """
    if data[4:8] != b"ftyp" or data[8:12] in _AVIF:
        return
    try:
        module = importlib.import_module("pillow_heif")
    except ImportError as error:
        raise InvalidInput(
            "The image is HEIC, which needs pillow-heif here: run `pip install pillow-heif`, or give a JPEG."
        ) from error
    module.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InvalidInput(f"There is no file '{path}': give the path of a picture.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidInput(f"'{path}' cannot be read ({reason}): give the path of a picture.") from error


def _picture(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        shape = ",".join(map(str, pixels.shape))
        raise InvalidInput(f"Pixels come as RGB uint8 [H,W,3], not {pixels.dtype} [{shape}]: convert them first.")
    return Image.fromarray(np.ascontiguousarray(pixels))


def _save(image: Image.Image) -> bytes:
    upright = ImageOps.exif_transpose(image)
    buffer = io.BytesIO()
    if upright.mode in _JPEG_MODES and "transparency" not in upright.info:
        upright.convert("L" if upright.mode == "1" else upright.mode).save(buffer, "JPEG", quality=95, subsampling=0)
    else:
        upright.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
