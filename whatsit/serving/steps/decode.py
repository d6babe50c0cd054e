"""First step: the file becomes pixels and the inputs of the networks that see the whole picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from whatsit.serving.request_options import Options, check_boxes
from whatsit.serving.triton_step import Tensors
from whatsit.vision.crop import crop_resize
from whatsit.vision.decode import decode_image
from whatsit.vision.gpu_jpeg import GpuJpeg, find_gpu_jpeg
from whatsit.vision.letterbox import letterbox

DETECTOR_SIDE = 416
CROP_SIDE = 224
MAX_SIDE = 1024


@dataclass(frozen=True)
class Picture:
    """A decoded picture with the networks' views of it.

    Args:
        pixels: uint8 [h,w,3] RGB upright, its longer side at most `MAX_SIDE`.
        width: of the upright picture in full, pixels.
        height: of the upright picture in full, pixels.
        detector: uint8 [3,416,416], letterboxed.
        detector_scale: pixels of the letterbox per pixel of the full picture.
        classifier: uint8 [3,224,224], squashed.
    """

    pixels: npt.NDArray[np.uint8]
    width: int
    height: int
    detector: npt.NDArray[np.uint8]
    detector_scale: float
    classifier: npt.NDArray[np.uint8]


def view(data: bytes | npt.NDArray[np.uint8], options: Options, jpeg: GpuJpeg | None = None) -> Picture:
    """Decode a file and prepare every network's input.

    Args:
        data: the encoded file.
        options: the caller's.
        jpeg: decodes JPEG files on a GPU.

    Raises:
        InvalidInput: the file is no picture that Whatsit takes, or a box of the options lies outside it.
    """
    decoded = decode_image(data, max_side=MAX_SIDE, jpeg=jpeg)
    if options.boxes is not None:
        check_boxes(options.boxes, decoded.width, decoded.height)
    detector, scale = letterbox(decoded.pixels, DETECTOR_SIDE)
    classifier = crop_resize(decoded.pixels, size=CROP_SIDE)
    return Picture(decoded.pixels, decoded.width, decoded.height, detector, scale * decoded.scale, classifier)


class Decode:
    """IMAGE uint8 [n] -> PIXELS, GEOMETRY (width, height, detector_scale), DETECTOR_IMAGE, CLASSIFIER_IMAGE.

    Model parameter: `gpu` ("auto": JPEG files are decoded by nvImageCodec where it and a GPU are there).
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._jpeg = find_gpu_jpeg() if parameters.get("gpu") == "auto" else None

    def __call__(self, inputs: Tensors, options: Options, wanted: frozenset[str]) -> dict[str, npt.NDArray[Any]]:
        """Answer one request."""
        picture = view(inputs["IMAGE"], options, self._jpeg)
        return {
            "PIXELS": picture.pixels,
            "GEOMETRY": np.array([picture.width, picture.height, picture.detector_scale], dtype=np.float32),
            "DETECTOR_IMAGE": picture.detector[None],
            "CLASSIFIER_IMAGE": picture.classifier[None],
        }
