"""Heat maps of what people cropped, beside the boxes that follow from it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from whatsit.catalogue.crops.weak_boxes import SURE, WeakBox
from whatsit.evaluation.datasets.label_file import OBJECT
from whatsit.vision.boxes import FloatArray

Pixels = npt.NDArray[np.uint8]
_SOFT = 0.12
"""Width of a crop's soft edge in the map, as a share of its side."""
_MOST_OPAQUE = 0.86


def heat_map(crops: FloatArray, size: tuple[int, int], shape: tuple[int, int]) -> FloatArray:
    """Return how many crops hold each place, float32 [height, width], at most 1.

    Args:
        crops: float32 [N, 4], pixels of the picture.
        size: width and height of the picture.
        shape: width and height of the map.
    """
    heat = np.zeros((shape[1], shape[0]), dtype=np.float32)
    across, down = (np.arange(n, dtype=np.float32) + 0.5 for n in shape)
    for x1, y1, x2, y2 in crops * np.tile(np.array(shape, dtype=np.float32) / np.array(size, dtype=np.float32), 2):
        heat += _window(down, y1, y2)[:, None] * _window(across, x1, x2)[None]
    return heat / max(float(heat.max()), 1e-6) if len(crops) else heat


def coloured(heat: FloatArray) -> Pixels:
    """Return a heat map as RGBA uint8 [height, width, 4], clear where nobody cropped."""
    shades = cv2.applyColorMap(np.round(255 * (0.18 + 0.82 * heat)).astype(np.uint8), cv2.COLORMAP_INFERNO)
    alpha = np.round(255 * _MOST_OPAQUE * np.clip(heat, 0, 1) ** 0.7).astype(np.uint8)
    return np.dstack([cv2.cvtColor(shades, cv2.COLOR_BGR2RGB), alpha])


def draw_heat_map(
    pixels: Pixels, crops: FloatArray, size: tuple[int, int], boxes: Sequence[WeakBox], longest: int = 900
) -> Image.Image:
    """Return a photo under its heat map, with the boxes and their names.

    Args:
        pixels: of the photo, RGB uint8 [H, W, 3], of any size.
        crops: float32 [N, 4], pixels of the picture.
        size: width and height of the picture in which boxes and crops are measured.
        boxes: of the picture; those under 0.5 are drawn thin.
        longest: side of the result, pixels.
    """
    scale = longest / max(size)
    shape = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    photo = Image.fromarray(pixels).resize(shape, Image.Resampling.LANCZOS)
    grey = Image.blend(photo, photo.convert("L").convert("RGB"), 0.75).point(lambda value: round(0.62 * value))
    shown = grey.convert("RGBA")
    shown.alpha_composite(Image.fromarray(coloured(heat_map(crops, size, shape)), "RGBA"))
    layer = Image.new("RGBA", shape, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    for one in reversed(boxes):
        _draw_box(draw, one, tuple(float(side) * scale for side in one.box), shape)
    shown.alpha_composite(layer)
    return shown.convert("RGB")


def _draw_box(draw: ImageDraw.ImageDraw, one: WeakBox, box: tuple[float, ...], shape: tuple[int, int]) -> None:
    x1, y1, x2, y2 = (min(max(side, 1.0), limit - 2.0) for side, limit in zip(box, (*shape, *shape), strict=True))
    sure = one.weight >= SURE
    draw.rounded_rectangle(
        (x1, y1, max(x2, x1 + 2), max(y2, y1 + 2)), 6, outline=(10, 10, 14, 200), width=5 if sure else 3
    )
    ink = (255, 255, 255, 255) if sure else (255, 255, 255, 150)
    draw.rounded_rectangle((x1, y1, max(x2, x1 + 2), max(y2, y1 + 2)), 6, outline=ink, width=3 if sure else 1)
    if not sure:
        return
    text = f"{caption(one)}  {round(100 * one.weight)} %"
    font = ImageFont.load_default(15)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    width, height = right - left + 14, bottom - top + 10
    x, y = min(x1, shape[0] - width - 1), y1 - height if y1 >= height else y1
    draw.rounded_rectangle((x, y, x + width, y + height), 5, fill=(255, 255, 255, 240))
    draw.text((x + 7 - left, y + 5 - top), text, font=font, fill=(20, 20, 24, 255))


def caption(one: WeakBox) -> str:
    """Return the words for a box: its name, or how many crops it has."""
    count = f"{len(one.crops)} crop{'' if len(one.crops) == 1 else 's'}"
    return count if one.name == OBJECT else f"{one.name} · {count}"


def _window(places: FloatArray, low: float, high: float) -> FloatArray:
    """Return 1 within an interval, falling smoothly to 0 at its ends."""
    soft = max(_SOFT * (high - low), 1.0)
    rise = np.clip((places - low) / soft + 0.5, 0, 1) * np.clip((high - places) / soft + 0.5, 0, 1)
    return np.asarray(rise, dtype=np.float32)
