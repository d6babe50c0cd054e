"""Opening of picture files: their type, and limits before decoding."""

from __future__ import annotations

import importlib
import io
import struct
from functools import lru_cache

from PIL import Image, features
from whatsit_client.errors import InvalidInput

from whatsit.vision.jpeg_cost import MOST_MARKERS, jpeg_cost

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000
MAX_JPEG_PIXELS = 200_000_000  # decoded at half scale or less
MAX_SIDE = 1_000_000  # Pillow keeps a pointer for each row
KINDS = "JPEG, PNG, WebP, HEIC, AVIF, TIFF, GIF, BMP or JPEG 2000"
ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp"),
    *(".heic", ".heif", ".hif", ".avif", ".tif", ".tiff", ".gif", ".bmp", ".jp2", ".j2k", ".jpx"),
)

_LESS_PIXELS = {"JPEG2000": 25_000_000}  # OpenJPEG takes 12 bytes a pixel
_MOST_VISITS = 1_000_000_000  # some 2 ns each
_MOST_COEFFICIENTS = 410_000_000  # bytes
_MOST_CHUNKS = 100_000
_MOST_VALUES = 100_000  # of one TIFF tag
_MOST_RUN_LENGTH_PIXELS = 2_000_000  # Pillow decodes these BMP files in Python
_BYTES_OF_TIFF = frozenset({1, 2, 6, 7})  # types that are read as one piece
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG2000",
    b"\xff\x4f\xff\x51": "JPEG2000",
}

if Image.MAX_IMAGE_PIXELS is not None:  # Pillow refuses twice that, before this module can look
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, MAX_JPEG_PIXELS // 2)


def open_picture(raw: bytes) -> Image.Image:
    """Read the header of a picture file and check what decoding would cost.

    Raises:
        InvalidInput: the data is empty, too large, no picture, of a type that is not read here, or would take more
            work or memory than a picture may.
    """
    if not raw:
        raise InvalidInput(f"The image is empty: send the bytes of a {KINDS} file.", "empty")
    if len(raw) > MAX_BYTES:
        raise InvalidInput(
            f"The image has {len(raw):,} bytes, more than the {MAX_BYTES:,} allowed: send a smaller file.", "size"
        )
    kind = picture_kind(raw)
    if kind == "PNG":
        _check_png(raw)
    elif kind == "JPEG":
        _check_jpeg(raw)
    elif kind == "GIF":
        _check_gif(raw)
    elif kind == "TIFF":
        _check_tiff(raw)
    image = _open(raw, kind)
    _check_size(image)
    if kind == "BMP":
        _check_bmp(raw, image)
    elif kind == "PNG":
        _widen_transparency(raw, image)
    return image


def picture_kind(raw: bytes) -> str:
    """Return Pillow's name of a file's type, read from its first bytes.

    Raises:
        InvalidInput: it is of no type that can be read here.
    """
    for signature, kind in _SIGNATURES.items():
        if raw.startswith(signature):
            return kind
    if raw.startswith(b"RIFF") and raw[8:12] == b"WEBP":
        return "WEBP"
    if raw[4:8] == b"ftyp":
        length = int.from_bytes(raw[:4], "big")
        brands = {raw[8:12]} | {raw[at : at + 4] for at in range(16, min(length, 256), 4)}
        if brands & {b"avif", b"avis"}:
            if features.check("avif"):
                return "AVIF"
            raise InvalidInput(
                "The image is AVIF, which needs Pillow 11.3 or later on the server: send a JPEG.", "format"
            )
        if brands & _HEIF_BRANDS:
            if _heif_is_there():
                return "HEIF"
            raise InvalidInput(
                "The image is HEIC, which needs pillow-heif: run `pip install pillow-heif` on the server, "
                "or send a JPEG.",
                "format",
            )
    raise _unreadable()


@lru_cache(maxsize=1)
def _heif_is_there() -> bool:
    """Register pillow-heif with Pillow; False where it is missing."""
    try:
        module = importlib.import_module("pillow_heif")
    except ImportError:
        return False
    module.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)  # gain maps among the last
    return True


def _open(raw: bytes, kind: str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(raw), formats=(kind,))
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(kind) from error
    except Exception as error:  # Pillow's readers raise anything on hostile bytes
        raise _unreadable() from error


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    jpeg = image.format in ("JPEG", "MPO")
    most = MAX_JPEG_PIXELS if jpeg else _LESS_PIXELS.get(image.format or "", MAX_PIXELS)
    if width * height > most:
        raise InvalidInput(
            f"The image has {width}x{height} pixels, more than the {most // 1_000_000} megapixels allowed: "
            "scale it down.",
            "size",
        )
    if max(width, height) > MAX_SIDE:
        raise InvalidInput(
            f"The image has {width}x{height} pixels, a side over the {MAX_SIDE:,} allowed: scale it down.", "size"
        )


def _check_jpeg(raw: bytes) -> None:
    cost = jpeg_cost(raw)
    if cost.visits > _MOST_VISITS:
        raise _too_much(
            f"The JPEG image has {cost.scans:,} scans, more work than one of its size may take: save it as baseline."
        )
    if cost.memory > _MOST_COEFFICIENTS:
        raise _too_much(
            "The JPEG image is progressive and too large for that: scale it down or save it as a baseline JPEG."
        )
    if cost.markers >= MOST_MARKERS:
        raise _too_much(f"The JPEG image has {MOST_MARKERS:,} segments or more: save it anew.")


def _check_png(raw: bytes) -> None:
    at, count = 8, 0
    while at + 8 <= len(raw):
        at += 12 + int.from_bytes(raw[at : at + 4], "big")
        count += 1
        if count > _MOST_CHUNKS:
            raise _too_much(f"The PNG image has more than {_MOST_CHUNKS:,} chunks: save it anew.")


def _check_gif(raw: bytes) -> None:
    """Bound the bytes and blocks before the first frame, read one by one."""
    at, count = 13 + (3 << (raw[10] % 8 + 1) if len(raw) > 10 and raw[10] & 128 else 0), 0
    while at < len(raw) and raw[at] not in (0x2C, 0x3B):
        if raw[at] == 0x21:  # an extension: its label and blocks up to an empty one
            at += 2
            while at < len(raw) and raw[at] and count <= _MOST_CHUNKS:
                at, count = at + 1 + raw[at], count + 1
        at, count = at + 1, count + 1
        if count > _MOST_CHUNKS:
            raise _too_much(
                f"The GIF image has more than {_MOST_CHUNKS:,} blocks before its first frame: save it anew."
            )


def _check_tiff(raw: bytes) -> None:
    """Bound the numbers of a tag, such as strips, which Pillow reads in Python."""
    order, big = "<>"[raw[:2] == b"MM"], raw[2:4] in (b"+\0", b"\0+")
    head, number, entry, step = ("Q", "Q", "HHQ", 20) if big else ("I", "H", "HHI", 12)
    try:
        (at,) = struct.unpack_from(order + head, raw, 8 if big else 4)
        (entries,) = struct.unpack_from(order + number, raw, at)
        at += struct.calcsize(order + number)
        for place in range(at, min(at + step * entries, len(raw)), step):
            _, kind, count = struct.unpack_from(order + entry, raw, place)
            if kind not in _BYTES_OF_TIFF and count > _MOST_VALUES:
                raise _too_much(f"The TIFF image has a tag of more than {_MOST_VALUES:,} values: save it as PNG.")
    except (struct.error, OverflowError) as error:
        raise _unreadable() from error


def _check_bmp(raw: bytes, image: Image.Image) -> None:
    run_length = len(raw) >= 34 and struct.unpack_from("<I", raw, 30)[0] in (1, 2)
    if run_length and image.width * image.height > _MOST_RUN_LENGTH_PIXELS:
        raise _too_much(
            f"The run-length coded BMP image has {image.width}x{image.height} pixels, more than the "
            f"{_MOST_RUN_LENGTH_PIXELS // 1_000_000} megapixels allowed for this coding: send it as PNG."
        )


def _widen_transparency(raw: bytes, image: Image.Image) -> None:
    """Bring a PNG's transparent colour to the depth of Pillow's pixels."""
    key, depth = image.info.get("transparency"), raw[24]
    if isinstance(key, int) and image.mode == "L" and depth < 8:
        image.info["transparency"] = key * 255 // ((1 << depth) - 1)
    elif isinstance(key, tuple) and depth == 16:
        image.info["transparency"] = tuple(value >> 8 for value in key)


def _too_many_pixels(kind: str) -> InvalidInput:
    most = MAX_JPEG_PIXELS if kind == "JPEG" else _LESS_PIXELS.get(kind, MAX_PIXELS)
    return InvalidInput(f"The image has more than the {most // 1_000_000} megapixels allowed: scale it down.", "size")


def _too_much(sentence: str) -> InvalidInput:
    return InvalidInput(sentence, "size")


def _unreadable() -> InvalidInput:
    return InvalidInput(f"The data is no readable image: send the bytes of a {KINDS} file.", "format")
