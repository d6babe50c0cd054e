"""Decoding of a picture, and the networks' inputs that show all of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from whatsit.vision.crop import crop_resize
from whatsit.vision.decode import decode_image
from whatsit.vision.gpu_jpeg import GpuJpeg
from whatsit.vision.letterbox import letterbox
from whatsit.vision.regions import Regions

MAX_SIDE = 1024

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class DecodedPicture:
    """A decoded picture with the networks' views of it, each computed once.

    Args:
        pixels: uint8 [h,w,3] RGB upright, its longer side at most `MAX_SIDE`.
        width: of the upright picture in full, pixels.
        height: of the upright picture in full, pixels.
        known_crop: `whole_crop`, where an earlier step computed it.
    """

    pixels: Pixels
    width: int
    height: int
    known_crop: Pixels | None = None

    @property
    def scale(self) -> float:
        """Pixels of `pixels` per pixel of the full picture, 0..1."""
        return self.pixels.shape[1] / self.width

    @property
    def whole(self) -> Regions:
        """The whole picture as its only region."""
        return Regions.whole(self.width, self.height)

    @property
    def detector_image(self) -> Pixels:
        """The detector's input, uint8 [3,416,416], letterboxed."""
        return self._letterbox[0]

    @property
    def detector_scale(self) -> float:
        """Pixels of the letterbox per pixel of the full picture."""
        return self._letterbox[1] * self.scale

    @cached_property
    def whole_crop(self) -> Pixels:
        """The input of classifier and embedder, uint8 [3,224,224], squashed."""
        return crop_resize(self.pixels) if self.known_crop is None else self.known_crop

    @cached_property
    def _letterbox(self) -> tuple[Pixels, float]:
        return letterbox(self.pixels)


def decode_picture(data: bytes | Pixels, jpeg: GpuJpeg | None = None) -> DecodedPicture:
    """Decode a file at the resolution that the networks need.

    Args:
        data: the encoded file.
        jpeg: decodes JPEG files on a GPU.

    Raises:
        InvalidInput: the file is no picture that Whatsit takes.
    """
    decoded = decode_image(data, max_side=MAX_SIDE, jpeg=jpeg)
    return DecodedPicture(decoded.pixels, decoded.width, decoded.height)
