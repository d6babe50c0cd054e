"""JPEG files decoded by NVIDIA's nvImageCodec, where it is installed."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

_END = b"\xff\xd9"  # the marker that ends a JPEG file


class GpuJpeg:
    """Decoder of plain JPEG files to upright RGB; others are left to the caller.

    Args:
        codec: the module `nvidia.nvimgcodec`.
        device: number of the GPU; None decodes with nvImageCodec on the CPU.

    Raises:
        RuntimeError: the GPU cannot be used.
    """

    def __init__(self, codec: ModuleType, device: int | None = 0) -> None:
        number = codec.NVIMGCODEC_DEVICE_CPU_ONLY if device is None else device
        backends = [codec.Backend(codec.CPU_ONLY)] if device is None else None
        options: dict[str, Any] = {"device_id": number, "backends": backends, "max_num_cpu_threads": 1}
        self._decoder = codec.Decoder(**{name: value for name, value in options.items() if value is not None})
        self._parameters = codec.DecodeParams(apply_exif_orientation=True, color_spec=codec.ColorSpec.SRGB)

    def __call__(self, data: bytes) -> npt.NDArray[np.uint8] | None:
        """Return the picture as uint8 [h,w,3], None where it cannot be decoded here."""
        if not data.rstrip(b"\0\r\n ").endswith(_END):
            return None  # GPUs fill the rest of such a picture with grey; the caller refuses it
        try:
            image = self._decoder.decode(data, params=self._parameters)
        except RuntimeError:
            return None
        if image is None:
            return None
        pixels = np.asarray(image.cpu())
        return pixels if pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3 else None


def find_gpu_jpeg(device: int = 0) -> GpuJpeg | None:
    """A decoder on a GPU; None where nvImageCodec or the GPU is not there."""
    try:
        return GpuJpeg(importlib.import_module("nvidia.nvimgcodec"), device)
    except (ImportError, RuntimeError):
        return None
