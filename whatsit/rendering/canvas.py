"""An anti-aliased drawing surface with OpenCV shapes and Pillow text."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Pixels = NDArray[np.uint8]

_SHIFT = 3  # fractional bits of OpenCV's drawing coordinates
_TEXT_SIZE = 44  # text is rasterised once at this size and scaled, because loading a font costs more than drawing


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


@lru_cache(maxsize=2048)
def text_mask(text: str, stroke: int = 0, spacing: int = 0) -> Pixels:
    """Rasterise one line of text, cropped to its ink.

    Args:
        text: What to write.
        stroke: Extra weight in pixels at the raster size of 44 px (0 regular, 2 bold, 4 black).
        spacing: Extra pixels between letters at the raster size.

    Returns:
        Coverage, uint8 [h, w], 0..255.
    """
    font = _font(_TEXT_SIZE)
    if spacing:
        widths = [font.getlength(letter) + spacing for letter in text]
        width, height = int(sum(widths)) + 2 * stroke + 8, _TEXT_SIZE * 2
        image = Image.new("L", (width, height))
        pen, x = ImageDraw.Draw(image), 4.0 + stroke
        for letter, advance in zip(text, widths, strict=True):
            pen.text((x, 8), letter, fill=255, font=font, stroke_width=stroke)
            x += advance
    else:
        image = Image.new("L", (int(font.getlength(text)) + 2 * stroke + 12, _TEXT_SIZE * 2))
        ImageDraw.Draw(image).text((4 + stroke, 8), text, fill=255, font=font, stroke_width=stroke)
    box = image.getbbox()
    return np.asarray(image.crop(box) if box else image.crop((0, 0, 1, 1)))


def stack_alpha(colour: Pixels, alpha: Pixels) -> Pixels:
    """Join colour uint8 [h, w, 3] and alpha uint8 [h, w] to RGBA uint8 [h, w, 4]."""
    rgba = np.empty((*alpha.shape, 4), np.uint8)
    cv2.mixChannels([colour, alpha], [rgba], [0, 0, 1, 1, 2, 2, 3, 3])
    return rgba


def light(pixels: Pixels, gain: NDArray[np.float32], lift: NDArray[np.float32] | None = None) -> Pixels:
    """Light a picture: `pixels * gain + lift`, saturated.

    Args:
        pixels: uint8 [h, w, 3].
        gain: float32 [h, w], not negative.
        lift: float32 [h, w] in grey levels, or None for none.

    Returns:
        uint8 [h, w, 3].
    """
    channels = [cv2.multiply(channel, gain, dtype=cv2.CV_32F) for channel in cv2.split(pixels)]
    if lift is not None:
        channels = [cv2.add(channel, lift) for channel in channels]
    return cv2.convertScaleAbs(cv2.merge(channels)).astype(np.uint8, copy=False)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Blend two colours: `share` of `b`, the rest of `a`."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


def luminance(colour: Colour) -> float:
    """Return the perceived brightness, 0..255."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def readable_on(ground: Colour, colour: Colour) -> Colour:
    """Return `colour`, darkened or lightened where it lacks contrast with `ground`."""
    if abs(luminance(ground) - luminance(colour)) > 75:
        return colour
    return mix(colour, (252, 250, 244), 0.92) if luminance(ground) < 140 else mix(colour, (18, 16, 22), 0.85)


class Canvas:
    """An RGB drawing surface; coordinates are pixels, floats allowed."""

    def __init__(self, width: int, height: int, colour: Colour) -> None:
        self.pixels: Pixels = np.zeros((height, width, 3), np.uint8)
        cv2.rectangle(self.pixels, (0, 0), (width, height), colour, -1)  # far faster than a broadcast assignment

    @property
    def width(self) -> int:
        """Return the width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Return the height in pixels."""
        return int(self.pixels.shape[0])

    def rows(self, top: int, bottom: int, colour: Colour) -> None:
        """Fill whole rows, `bottom` excluded; much faster than a broadcast assignment."""
        if bottom > top:
            cv2.rectangle(self.pixels, (0, top), (self.width - 1, bottom - 1), colour, -1)

    def polygon(self, points: NDArray[np.float64] | list[tuple[float, float]], colour: Colour) -> None:
        """Fill a polygon."""
        fixed = np.round(np.asarray(points, np.float64) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(self.pixels, [fixed], colour, cv2.LINE_AA, _SHIFT)

    def rectangle(self, x1: float, y1: float, x2: float, y2: float, colour: Colour) -> None:
        """Fill an upright rectangle."""
        self.polygon([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], colour)

    def rounded(self, x1: float, y1: float, x2: float, y2: float, radius: float, colour: Colour) -> None:
        """Fill a rectangle with rounded corners."""
        radius = min(radius, (x2 - x1) / 2, (y2 - y1) / 2)
        turn = np.linspace(0, np.pi / 2, 7)
        corners = [(x2 - radius, y2 - radius, 0.0), (x1 + radius, y2 - radius, 0.5), (x1 + radius, y1 + radius, 1.0)]
        corners.append((x2 - radius, y1 + radius, 1.5))
        arcs = [
            np.stack([x + radius * np.cos(turn + np.pi * q), y + radius * np.sin(turn + np.pi * q)], 1)
            for x, y, q in corners
        ]
        self.polygon(np.concatenate(arcs), colour)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour, angle: float = 0.0) -> None:
        """Fill an ellipse; `angle` in degrees."""
        one = 1 << _SHIFT
        centre, axes = (round(x * one), round(y * one)), (max(1, round(rx * one)), max(1, round(ry * one)))
        cv2.ellipse(self.pixels, centre, axes, angle, 0, 360, colour, -1, cv2.LINE_AA, _SHIFT)

    def stroke(self, points: NDArray[np.float64] | list[tuple[float, float]], colour: Colour, width: float) -> None:
        """Draw an open line through the points."""
        fixed = np.round(np.asarray(points, np.float64) * (1 << _SHIFT)).astype(np.int32)
        cv2.polylines(self.pixels, [fixed], False, colour, max(1, round(width)), cv2.LINE_AA, _SHIFT)

    def text(
        self,
        text: str,
        x: float,
        y: float,
        height: float,
        colour: Colour,
        max_width: float | None = None,
        stroke: int = 0,
        spacing: int = 0,
        turned: bool = False,
        slant: float = 0.0,
    ) -> float:
        """Write a line centred on (x, y), at most `max_width` wide.

        `turned` writes it bottom to top, `slant` leans it.

        Returns:
            The width that it took, in pixels.
        """
        mask = text_mask(text, stroke, spacing)
        scale = height / (_TEXT_SIZE * 0.74)
        if max_width is not None:
            scale = min(scale, max_width / mask.shape[1])
        size = (max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale)))
        mask = cv2.resize(mask, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        if slant:
            lean = np.array([[1, -slant, slant * mask.shape[0]], [0, 1, 0]], np.float32)
            mask = cv2.warpAffine(mask, lean, (size[0] + round(slant * mask.shape[0]), size[1])).astype(np.uint8)
        if turned:
            mask = np.ascontiguousarray(np.rot90(mask))
        self.blend(mask, x - mask.shape[1] / 2, y - mask.shape[0] / 2, colour)
        return float(size[0])

    def blend(self, mask: Pixels, left: float, top: float, colour: Colour) -> None:
        """Blend a colour through a coverage mask (uint8 [h, w])."""
        left, top = round(left), round(top)
        x1, y1 = max(0, left), max(0, top)
        x2, y2 = min(self.width, left + mask.shape[1]), min(self.height, top + mask.shape[0])
        if x1 >= x2 or y1 >= y2:
            return
        cover = mask[y1 - top : y2 - top, x1 - left : x2 - left, None].astype(np.float32) * (1 / 255)
        under = self.pixels[y1:y2, x1:x2]
        under[:] = (under + (np.asarray(colour, np.float32) - under) * cover).astype(np.uint8)
