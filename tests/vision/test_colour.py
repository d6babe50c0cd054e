"""Modes that real files have, each against what a person sees."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from whatsit.vision.colour import fit_size, to_rgb
from whatsit.vision.decode import decode_image


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(width: int, height: int, depth: int, colour: int, rows: bytes, key: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"tRNS", key) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_sixteen_bit_grey_with_a_transparent_value_lies_on_white() -> None:
    rows = b"\0" + struct.pack(">3H", 1000, 20000, 40000)
    pixels = decode_image(png(3, 1, 16, 0, rows, struct.pack(">H", 1000))).pixels
    assert pixels[0].tolist() == [[255] * 3, [77] * 3, [155] * 3]


def test_transparent_values_of_other_depths() -> None:
    four = png(2, 1, 4, 0, b"\0\x2a", struct.pack(">H", 2))
    assert decode_image(four).pixels[0].tolist() == [[255] * 3, [170] * 3]
    one = png(2, 1, 1, 0, b"\0\x40", struct.pack(">H", 1))
    assert decode_image(one).pixels[0].tolist() == [[0] * 3, [255] * 3]
    deep = png(2, 1, 16, 2, b"\0" + struct.pack(">6H", 256, 512, 768, 60000, 0, 0), struct.pack(">3H", 256, 512, 768))
    assert decode_image(deep).pixels[0].tolist() == [[255] * 3, [234, 0, 0]]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_white_thing_lies_on_grey(mode: str) -> None:
    image = Image.new("RGBA", (40, 40), (255, 255, 255, 0))
    image.paste((250, 252, 255, 255), (10, 10, 30, 30))
    pixels = decode_image(encoded(image.convert(mode))).pixels
    assert pixels[0, 0].tolist() == [128] * 3
    assert pixels[20, 20].min() > 240
    image.paste((200, 0, 0, 255), (10, 10, 30, 20))
    assert decode_image(encoded(image)).pixels[0, 0].tolist() == [255] * 3


@pytest.mark.parametrize(
    ("values", "grey"),
    [
        ([0.0, 0.5, 1.0], [0, 127, 255]),
        ([0.0, 128.0, 255.0], [0, 128, 255]),
        ([0.0, 32768.0, 65535.0], [0, 127, 255]),
        ([-1.0, 0.0, 1.0], [0, 127, 255]),
        ([0.0, float("nan"), 1.0], [0, 0, 255]),
        ([0.0, float("inf"), 0.5], [0, 255, 127]),
    ],
)
def test_floats_by_what_they_hold(values: list[float], grey: list[int]) -> None:
    image = Image.fromarray(np.array([values] * 2, dtype=np.float32))
    assert decode_image(encoded(image, "TIFF")).pixels[0, :, 0].tolist() == pytest.approx(grey, abs=1)


def test_wide_whole_numbers_by_what_they_hold() -> None:
    for top, middle in ((255, 100), (65535, 25700), (1 << 30, 420_000_000)):
        image = Image.fromarray(np.array([[0, middle, top]], dtype=np.int32))
        assert decode_image(encoded(image, "TIFF")).pixels[0, :, 0].tolist() == pytest.approx([0, 100, 255], abs=1)


@pytest.mark.parametrize("max_side", [None, 1024, 640, 100, 7])
@pytest.mark.parametrize("mode", ["RGBA", "P", "CMYK", "1", "LA", "YCbCr"])
def test_strips_give_the_pixels_of_the_whole(mode: str, max_side: int | None) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (611, 977, 4), dtype=np.uint8)
    image = Image.fromarray(noise).convert("RGB").convert(mode) if mode != "RGBA" else Image.fromarray(noise)
    whole = image.convert("RGB")
    if mode == "RGBA":
        whole = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    size = fit_size(whole.size, max_side)
    if size != whole.size:
        whole = whole.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    assert np.array_equal(np.asarray(to_rgb(image, max_side)), np.asarray(whole))


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("max_side", [700, 488, 300, 130])
def test_plain_pictures_are_scaled_without_steps_or_shifts(mode: str, max_side: int) -> None:
    rows, columns = np.mgrid[0:611, 0:977]
    waves = (128 + 60 * np.sin(rows / 40) + 60 * np.cos(columns / 50)).astype(np.uint8)
    image = Image.fromarray(waves).convert(mode)
    expected = image.resize(fit_size(image.size, max_side), Image.Resampling.BOX).convert("RGB")
    difference = np.asarray(to_rgb(image, max_side), np.int16) - np.asarray(expected, np.int16)
    assert np.abs(difference).max() <= 8
    assert abs(float(difference.mean())) < 0.6


def test_fit_size() -> None:
    assert fit_size((4000, 3000), 1000) == (1000, 750)
    assert fit_size((4000, 1), 100) == (100, 1)
    assert fit_size((40, 30), 100) == fit_size((40, 30), None) == (40, 30)
