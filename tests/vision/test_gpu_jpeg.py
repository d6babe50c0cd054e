"""JPEG files by nvImageCodec: the same pictures as by Pillow, and everything else left to Pillow.

nvImageCodec also decodes on the CPU: where its wheel is installed, the real one is tested.
"""

from __future__ import annotations

import importlib
import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from whatsit_client.errors import InvalidInput

from whatsit.vision import gpu_jpeg
from whatsit.vision.decode import decode_image
from whatsit.vision.gpu_jpeg import GpuJpeg, find_gpu_jpeg


class FakeCodec(SimpleNamespace):
    """Decodes with Pillow; refuses what `refuses` says."""

    def __init__(self) -> None:
        super().__init__(
            NVIMGCODEC_DEVICE_CPU_ONLY=-99999,
            CPU_ONLY=1,
            Backend=lambda kind: kind,
            ColorSpec=SimpleNamespace(SRGB="srgb"),
            DecodeParams=lambda **given: given,
            Decoder=self._decoder,
        )
        self.decoded = 0
        self.refuses = False

    def _decoder(self, **options: Any) -> Any:
        self.options = options

        def decode(data: bytes, params: dict[str, Any]) -> Any:
            assert params == {"apply_exif_orientation": True, "color_spec": "srgb"}
            self.decoded += 1
            if self.refuses:
                return None
            upright = Image.open(io.BytesIO(data)).convert("RGB")
            return SimpleNamespace(cpu=lambda: np.asarray(upright))

        return SimpleNamespace(decode=decode)


def picture(width: int = 60, height: int = 40) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([x * 4, y * 5, x + y], axis=-1).astype(np.uint8))


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def test_plain_jpeg_files_take_the_gpus_way() -> None:
    codec = FakeCodec()
    jpeg = GpuJpeg(codec)  # type: ignore[arg-type]  # the fake has what is used of the module
    data = encoded(picture(), quality=95)
    ours, pillows = decode_image(data, jpeg=jpeg), decode_image(data)
    assert codec.decoded == 1
    assert codec.options["device_id"] == 0
    np.testing.assert_array_equal(ours.pixels, pillows.pixels)
    assert (ours.width, ours.height) == (60, 40)
    small = decode_image(encoded(picture(600, 400)), max_side=300, jpeg=jpeg)
    assert small.pixels.shape == (200, 300, 3)
    assert (small.width, small.height, small.scale) == (600, 400, 0.5)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_other_files_do_not(kind: str) -> None:
    codec = FakeCodec()
    decode_image(encoded(picture(), kind), jpeg=GpuJpeg(codec))  # type: ignore[arg-type]
    decode_image(encoded(picture().convert("CMYK")), jpeg=GpuJpeg(codec))  # type: ignore[arg-type]
    assert codec.decoded == 0


def test_what_the_codec_refuses_is_pillows() -> None:
    codec = FakeCodec()
    codec.refuses = True
    data = encoded(picture())
    decoded = decode_image(data, jpeg=GpuJpeg(codec))  # type: ignore[arg-type]
    assert codec.decoded == 1
    np.testing.assert_array_equal(decoded.pixels, decode_image(data).pixels)


def test_a_file_that_is_cut_off_is_refused_all_the_same() -> None:
    codec = FakeCodec()
    data = encoded(picture(600, 400), quality=95)
    with pytest.raises(InvalidInput, match="cut off"):
        decode_image(data[: len(data) // 2], jpeg=GpuJpeg(codec))  # type: ignore[arg-type]
    assert codec.decoded == 0


def test_nothing_is_found_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(gpu_jpeg.importlib, "import_module", missing)
    assert find_gpu_jpeg() is None


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_real_codec_on_the_cpu_agrees_with_pillow(orientation: int) -> None:
    try:
        codec = importlib.import_module("nvidia.nvimgcodec")
    except ImportError:
        pytest.skip("the wheel nvidia-nvimgcodec-cu12 is not installed")
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(picture(320, 200), quality=95, exif=exif, subsampling=0)
    try:
        jpeg = GpuJpeg(codec, device=None)
    except RuntimeError:
        pytest.skip("nvImageCodec does not start without a GPU where nvJPEG is installed beside it")
    ours, pillows = decode_image(data, jpeg=jpeg), decode_image(data)
    assert (ours.width, ours.height) == (pillows.width, pillows.height)
    difference = np.abs(ours.pixels.astype(int) - pillows.pixels.astype(int))
    assert difference.mean() < 1.0
