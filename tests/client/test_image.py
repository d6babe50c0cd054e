"""From what a program holds a picture in to the bytes that travel."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from whatsit_client.encode import encode, open_upright
from whatsit_client.errors import InvalidInput

ORIENTATION = 0x0112


def decoded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_files_and_bytes_go_unchanged(tmp_path: Path, photo: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(photo)
    assert encode(path) == encode(str(path)) == encode(photo) == encode(bytearray(photo)) == photo


def test_pixels_become_a_close_jpeg() -> None:
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 9, 3), dtype=np.uint8)).resize(
        (180, 120), Image.Resampling.BICUBIC
    )
    pixels = np.asarray(coarse)
    back = decoded(encode(pixels))
    assert back.format == "JPEG"
    assert back.size == (180, 120)
    assert np.abs(np.asarray(back).astype(int) - pixels).mean() < 2


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "CMYK", "YCbCr"])
def test_opaque_modes_become_jpeg(mode: str) -> None:
    assert decoded(encode(Image.new(mode, (8, 8)))).format == "JPEG"


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P", "I;16"])
def test_other_modes_become_png(mode: str) -> None:
    assert decoded(encode(Image.new(mode, (8, 8)))).format == "PNG"


def test_a_sideways_pillow_image_is_turned_before_it_travels() -> None:
    image = Image.new("RGB", (40, 20), "white")
    image.getexif()[ORIENTATION] = 6
    assert decoded(encode(image)).size == (20, 40)
    assert open_upright(image).size == (20, 40)


@pytest.mark.parametrize(
    "image",
    [
        b"",
        "no/such/file.jpg",
        ".",
        "\0",
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        None,
        [1, 2, 3],
    ],
)
def test_what_is_no_image_is_refused_in_one_sentence(image: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        encode(image)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"text", b"\xff\xd8\xff\xe0 cut"])
def test_damaged_bytes_cannot_be_drawn_upon(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        open_upright(data)


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_photos_of_phones_can_be_drawn_upon(kind: str) -> None:
    buffer = io.BytesIO()
    module = pytest.importorskip("pillow_heif")
    module.register_heif_opener()
    Image.new("RGB", (64, 32), "red").save(buffer, kind)
    opened = open_upright(buffer.getvalue())
    assert opened.size == (64, 32)
    red, green, blue = opened.getpixel((9, 9))  # type: ignore[misc] # RGB
    assert (red > 200, green < 60, blue < 60) == (True, True, True)


def test_without_its_package_heic_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InvalidInput, match="is HEIC, which needs pillow-heif"):
        open_upright(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
