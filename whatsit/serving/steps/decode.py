"""Step `decode`: from the file to pixels and the whole-picture networks' inputs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from whatsit.pipeline.decoded_picture import decode_picture
from whatsit.pipeline.region_selection import check_boxes
from whatsit.serving.code_reading import CodeReading
from whatsit.serving.request_options import Options
from whatsit.serving.triton_step import Outputs, Tensors
from whatsit.vision.gpu_jpeg import find_gpu_jpeg


class Decode:
    """IMAGE uint8 [n] -> PIXELS, GEOMETRY, DETECTOR_IMAGE, CLASSIFIER_IMAGE, CODES.

    GEOMETRY is width, height, detector_scale. CODES are those of `CodeReading`.

    Model parameter: `gpu` ("auto": JPEG files are decoded by nvImageCodec where it and a GPU are there).
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._jpeg = find_gpu_jpeg() if parameters.get("gpu") == "auto" else None
        self._read_codes = CodeReading()

    def __call__(self, inputs: Tensors, options: Options, wanted: frozenset[str]) -> Outputs:
        """Answer one request."""
        picture = decode_picture(inputs["IMAGE"], self._jpeg)
        check_boxes(options.boxes, picture.width, picture.height)
        codes = {"CODES": self._read_codes(inputs["IMAGE"], picture, options)} if "CODES" in wanted else {}
        return {
            **codes,
            "PIXELS": picture.pixels,
            "GEOMETRY": np.array([picture.width, picture.height, picture.detector_scale], dtype=np.float32),
            "DETECTOR_IMAGE": picture.detector_image[None],
            "CLASSIFIER_IMAGE": picture.whole_crop[None],
        }
