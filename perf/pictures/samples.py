"""Sample pictures: every type, mode, size, coding, orientation and profile that Pillow can write."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image
from whatsit_client.errors import InvalidInput

from perf.pictures.icc_profiles import ADOBE, P3, SRGB, cmyk_profile, grey_profile, rgb_profile

SMALL = ((1, 1), (127, 64))
SIZES = (*SMALL, (3, 500), (1200, 900))
_LARGE = 100_000  # pixels; such pictures in the first coding alone
_ORIENTATION = 0x0112
_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F")
_OTHERS = ("ICO", "PPM", "TGA", "PCX", "SGI", "DDS", "PDF", "IM", "MSP", "XBM", "QOI", "EPS", "SPIDER", "BLP")
_CODINGS: dict[str, tuple[dict[str, Any], ...]] = {
    "JPEG": (
        {"quality": 90},
        {"quality": 5},
        {"progressive": True, "subsampling": 0},
        {"restart_marker_rows": 1},
        {"optimize": True},
    ),
    "PNG": ({}, {"compress_level": 0}),
    "WEBP": ({"quality": 80}, {"lossless": True}),
    "GIF": ({}, {"interlace": False}),
    "BMP": ({},),
    "TIFF": (
        *({"compression": name} for name in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd")),
        *({"compression": name} for name in ("group3", "group4", "lzma")),
        {"big_tiff": True},
    ),
    "JPEG2000": ({}, {"irreversible": True}, {"tile_size": (64, 64)}),
    "AVIF": ({"quality": 80, "speed": 10}, {"quality": 100, "subsampling": "4:4:4", "speed": 10}),
    "HEIF": ({"quality": 80}, {"quality": -1, "chroma": 444}),
    "MPO": ({},),
}


def picture(width: int, height: int, mode: str) -> Image.Image:
    """Return a smooth picture with edges, in a mode of Pillow's."""
    x, y = np.linspace(0, 1, width)[None, :], np.linspace(0, 1, height)[:, None]
    red, green, blue = 255 * x + 0 * y, 255 * y + 0 * x, 127 * (1 + np.sin(9 * x) * np.cos(7 * y))
    pixels = np.stack([red, green, blue], axis=-1)
    pixels[height // 3 : height // 2, width // 3 : width // 2] = (220, 40, 30)
    grey = pixels.mean(axis=-1)
    if mode == "I;16":
        return Image.fromarray((grey * 257).astype(np.uint16))
    if mode == "I":
        return Image.fromarray((grey * 257).astype(np.int32))
    if mode == "F":
        return Image.fromarray((grey / 255).astype(np.float32))
    image = Image.fromarray(pixels.astype(np.uint8))
    if mode == "LAB":
        return Image.merge("LAB", image.split())
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.fromarray((255 * (x + y > 0.5) * np.ones_like(red)).astype(np.uint8)))
    return image.convert(mode)


def samples(sizes: Sequence[tuple[int, int]] = SIZES) -> Iterator[tuple[str, bytes]]:
    """Yield a description and the file of each sample that Pillow here can write."""
    for kind, options in _CODINGS.items():
        for (width, height), mode, coding in itertools.product(sizes, _MODES, options):
            if width * height > _LARGE and coding is not options[0]:
                continue
            if coding.get("compression", "") in ("group3", "group4") and mode != "1":
                continue  # libtiff writes a line on standard error for each
            yield from _written(f"{kind} {mode} {width}x{height} {coding}", picture(width, height, mode), kind, coding)
        yield from _turned(kind)
        yield from _coloured(kind)
        if kind in ("PNG", "WEBP", "GIF", "TIFF", "AVIF", "HEIF", "MPO"):
            more = {"save_all": True, "append_images": [picture(64, 48, "RGB").rotate(90)]}
            yield from _written(f"{kind} with two frames", picture(64, 48, "RGB"), kind, more)
    for mode, key in (("P", 5), ("L", 40), ("RGB", (220, 40, 30)), ("1", 1), ("I;16", 30000)):
        yield from _written(f"PNG {mode} with key", picture(127, 64, mode), "PNG", {"transparency": key})
    white = Image.new("RGBA", (127, 64), (255, 255, 255, 0))
    white.paste((255, 255, 255, 255), (20, 20, 100, 50))
    yield from _written("PNG white on nothing", white, "PNG", {})
    for kind in _OTHERS:
        yield from _written(f"{kind} of another type", picture(64, 64, "RGB"), kind, {})


def _turned(kind: str) -> Iterator[tuple[str, bytes]]:
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[_ORIENTATION] = orientation
        yield from _written(f"{kind} orientation {orientation}", picture(127, 64, "RGB"), kind, {"exif": exif})


def _coloured(kind: str) -> Iterator[tuple[str, bytes]]:
    profiles = {
        "Display P3": ("RGB", rgb_profile(P3)),
        "Adobe RGB": ("RGB", rgb_profile(ADOBE, 2.19921875)),
        "sRGB": ("RGB", rgb_profile(SRGB)),
        "grey": ("L", grey_profile(1.8)),
        "CMYK": ("CMYK", cmyk_profile()),
        "broken": ("RGB", b"\xff" * 300),
    }
    for name, (mode, profile) in profiles.items():
        yield from _written(f"{kind} profile {name}", picture(127, 64, mode), kind, {"icc_profile": profile})


def _written(name: str, image: Image.Image, kind: str, options: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    buffer = io.BytesIO()
    try:
        image.save(buffer, kind, **options)
    except Exception:  # what Pillow cannot write is no sample
        return
    yield name, buffer.getvalue()


def register_heif() -> None:
    """Make Pillow read and write HEIC.

    Raises:
        InvalidInput: pillow-heif is missing.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise InvalidInput("pillow-heif is missing: pip install pillow-heif.") from error
    pillow_heif.register_heif_opener()
