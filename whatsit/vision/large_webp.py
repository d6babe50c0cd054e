"""Loading of large WebP pictures in a third of the memory that Pillow takes."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

LARGE_PIXELS = 16_000_000
_EXTENDED, _FLAGS, _ANIMATED = b"VP8X", 20, 0x02


def load_webp(raw: bytes, image: Image.Image) -> Image.Image:
    """Load a WebP picture that Pillow opened; the same pixels as Pillow's.

    Pillow decodes every file as an animation, with three copies of it. OpenCV calls the same library for one.
    """
    animated = raw[12:16] == _EXTENDED and raw[_FLAGS] & _ANIMATED
    if animated or image.width * image.height < LARGE_PIXELS:
        image.load()
        return image
    pixels = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3:
        raise OSError("WebP data is cut off")
    cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA, dst=pixels)
    loaded = Image.fromarray(pixels)
    loaded.info.update(image.info)
    return loaded
