"""Copies of a photo: re-encoded, scaled, cropped, brightened, watermarked."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from whatsit.rendering.shop import encode_jpeg

Pixels = npt.NDArray[np.uint8]


def _half(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    half = cv2.resize(pixels, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
    return np.asarray(half, np.uint8)


def _cropped(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    dy, dx = round(0.02 * height), round(0.02 * width)
    return pixels[dy : height - dy, dx : width - dx]


def _brighter(pixels: Pixels) -> Pixels:
    return np.clip(pixels.astype(np.float32) * 1.2 + 10, 0, 255).astype(np.uint8)


def _watermarked(pixels: Pixels) -> Pixels:
    image = Image.fromarray(pixels).convert("RGBA")
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    centre, font = (image.width // 2, image.height // 2), ImageFont.load_default(size=max(6, image.width // 8))
    ImageDraw.Draw(layer).text(centre, "whatsit.shop", anchor="mm", fill=(255, 255, 255, 110), font=font)
    return np.asarray(Image.alpha_composite(image, layer).convert("RGB"), np.uint8)


# RGB uint8 [h,w,3] -> encoded file.
COPIES: Mapping[str, Callable[[Pixels], bytes]] = {
    "encoded q40": lambda pixels: encode_jpeg(pixels, 40),
    "scaled 50 %": lambda pixels: encode_jpeg(_half(pixels)),
    "cropped 2 % a side": lambda pixels: encode_jpeg(_cropped(pixels)),
    "brightness x1.2 + 10": lambda pixels: encode_jpeg(_brighter(pixels)),
    "watermark": lambda pixels: encode_jpeg(_watermarked(pixels)),
}
