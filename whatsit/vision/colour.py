"""Conversion of pixels of every mode to 8-bit RGB, in strips."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

from whatsit.vision.colour_profile import find_profile
from whatsit.vision.resize import shrink

_STRIP_PIXELS = 1 << 17
_COPIED_PIXELS = 1 << 24
_SAMPLE_SIDE = 256
_WHITE, _GREY = 255, 128
_NEARLY_WHITE = 235
_TWELVE_BITS = 4095
_BITS_TAG = 258  # of TIFF: bits per sample

_ALPHA = frozenset({"RGBA", "LA", "PA", "La", "RGBa"})
_Convert = Callable[[Image.Image], Image.Image]


def to_rgb(image: Image.Image, max_side: int | None = None) -> Image.Image:
    """Return a picture as RGB in sRGB, its longer side at most `max_side`.

    Transparency is laid on white, or on grey where all that is visible is white. Pixels of 16 bits and floats are
    brought to 8 bits by what they hold. An ICC profile is followed. What is as large as the picture is worked on in
    strips.
    """
    profile = find_profile(image)
    kept = profile is not None and profile.mode == image.mode  # CMYK, LAB
    fitted = _fit(image, max_side, None if kept else _conversion(image))
    return profile.apply(fitted) if profile is not None else fitted.convert("RGB")


def fit_size(size: tuple[int, int], max_side: int | None) -> tuple[int, int]:
    """Return width and height with the longer side at most `max_side`."""
    if not max_side or max(size) <= max_side:
        return size
    scale = max_side / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _fit(image: Image.Image, max_side: int | None, convert: _Convert | None) -> Image.Image:
    """Convert and scale a picture.

    A plain one by `shrink`, one that is converted as by `Image.resize` with a reducing gap of 2.
    """
    size = fit_size(image.size, max_side)
    if size == image.size and convert is None:
        return image
    if convert is None:
        if image.mode in ("RGB", "L") and image.width * image.height <= _COPIED_PIXELS:
            return Image.fromarray(shrink(np.asarray(image), *size))
        return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    factor = (image.width // (2 * size[0]) or 1, image.height // (2 * size[1]) or 1)
    reduced = _convert_strips(image, factor, convert)
    if size == image.size:
        return reduced
    box = (0.0, 0.0, image.width / factor[0], image.height / factor[1])
    return reduced.resize(size, Image.Resampling.BILINEAR, box=box)


def _convert_strips(image: Image.Image, factor: tuple[int, int], convert: _Convert) -> Image.Image:
    width, height = image.size
    rows = max(1, _STRIP_PIXELS // (width * factor[1])) * factor[1]
    whole: Image.Image | None = None
    for top in range(0, height, rows):
        strip = convert(image.crop((0, top, width, min(top + rows, height))))
        strip = strip if factor == (1, 1) else strip.reduce(factor)
        if whole is None:
            if rows >= height:
                return strip
            whole = Image.new(strip.mode, (strip.width, -(-height // factor[1])))
        whole.paste(strip, (0, top // factor[1]))
    assert whole is not None  # a picture has a row
    return whole


def _conversion(image: Image.Image) -> _Convert | None:
    """Return what brings a strip to RGB or L; None for pixels that are."""
    deep = image.mode.startswith("I") or image.mode == "F"
    if deep:
        low, high = _range(image)
    if image.mode in _ALPHA or "transparency" in image.info:
        to_rgba: _Convert = (lambda strip: _keyed(strip, low, high)) if deep else (lambda strip: strip.convert("RGBA"))
        return _composition(image, to_rgba)
    if deep:
        return lambda strip: Image.fromarray(_narrow(strip, low, high))
    if image.mode in ("RGB", "L"):
        return None
    return lambda strip: strip.convert("L" if image.mode == "1" else "RGB")


def _composition(image: Image.Image, to_rgba: _Convert) -> _Convert:
    size = min(image.width, _SAMPLE_SIDE), min(image.height, _SAMPLE_SIDE)
    sample = to_rgba(image.resize(size, Image.Resampling.NEAREST))
    level = _GREY if _is_white(np.asarray(sample)) else _WHITE

    def compose(strip: Image.Image) -> Image.Image:
        rgba = to_rgba(strip)
        lowest, highest = rgba.getchannel("A").getextrema()
        if lowest == 255:
            return rgba.convert("RGB")
        if highest == 0:
            return Image.new("RGB", strip.size, (level, level, level))
        return Image.alpha_composite(Image.new("RGBA", strip.size, (level, level, level, 255)), rgba).convert("RGB")

    return compose


def _is_white(rgba: npt.NDArray[np.uint8]) -> bool:
    """Whether pixels are partly transparent and what is visible is white."""
    alpha = rgba[..., 3].astype(np.float64)
    visible = alpha.sum()
    if visible == 0 or alpha.min() == 255:
        return False
    coloured = alpha[rgba[..., :3].min(axis=-1) < _NEARLY_WHITE].sum()
    return bool(coloured < 0.01 * visible)


def _keyed(strip: Image.Image, low: float, high: float) -> Image.Image:
    """Return deep grey with a transparent value as RGBA."""
    grey = _narrow(strip, low, high)
    alpha = np.where(np.asarray(strip) == strip.info["transparency"], 0, 255).astype(np.uint8)
    return Image.merge("LA", (Image.fromarray(grey), Image.fromarray(alpha))).convert("RGBA")


def _narrow(strip: Image.Image, low: float, high: float) -> npt.NDArray[np.uint8]:
    """Bring deep pixels to 8 bits: `low` becomes 0, `high` 255."""
    deep = np.asarray(strip)
    if low == 0 and high == 65535:
        return (deep // 257).clip(0, 255).astype(np.uint8)
    values = np.nan_to_num(deep.astype(np.float64), nan=low)
    return np.asarray((values - low) * (255 / (high - low))).clip(0, 255).astype(np.uint8)


def _range(image: Image.Image) -> tuple[float, float]:
    """Return the values of a deep picture that become black and white.

    16 bits are the whole range (12 where a TIFF file says so); wider ones and floats are taken as 0..1, 0..255 or
    0..65535, whichever holds what they show, and otherwise from their lowest to their highest value.
    """
    if image.mode.startswith("I;16"):
        bits = getattr(image, "tag_v2", {}).get(_BITS_TAG)
        return 0.0, float(_TWELVE_BITS if bits in (12, (12,)) else 65535)
    low, high, usual = _extremes(image)
    if low >= 0:
        if image.mode == "F" and usual <= 1:
            return 0.0, 1.0
        for top in (255.0, 65535.0):
            if high <= top:
                return 0.0, top
    return low, max(high, low + 1e-6)


def _extremes(image: Image.Image) -> tuple[float, float, float]:
    """Return the lowest and highest value, and the highest of 99 in 100."""
    low, high = np.inf, -np.inf
    rows = max(1, _STRIP_PIXELS // image.width)
    usual: list[float] = []
    for top in range(0, image.height, rows):
        values = np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))
        values = values[np.isfinite(values)]
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
            usual.append(float(np.percentile(values[:: max(1, values.size // 65536)], 99)))
    return (low, high, max(usual)) if usual else (0.0, 1.0, 1.0)
