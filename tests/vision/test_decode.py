"""Every kind of file that a camera, a shop or a hostile caller sends."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from whatsit_client.errors import InvalidInput

from whatsit.vision import decode, large_webp
from whatsit.vision.decode import decode_image

pillow_heif.register_heif_opener()


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def turned_heic(image: Image.Image, orientation: int) -> bytes:
    """A HEIC file with the boxes `irot` and `imir` that a phone writes; pillow-heif writes none."""
    turns = {3: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation)
    axis = {2: 1, 4: 0, 5: 0, 7: 0}.get(orientation)
    data = encoded(image, "HEIF", quality=95)
    boxes = [] if turns is None else [b"\0\0\0\x09irot" + bytes([turns])]
    boxes += [] if axis is None else [b"\0\0\0\x09imir" + bytes([axis])]
    added = b"".join(boxes)
    at = {name: data.index(name) for name in (b"meta", b"iprp", b"ipco", b"ipma", b"iloc", b"mdat")}
    properties, use = at[b"ipma"] - 4, at[b"ipma"] + 14  # where `ipco` ends; the number of the item's properties
    end, count = use + 1 + data[use], data[use]
    numbers = bytes(0x80 | (count + 1 + n) for n in range(len(boxes)))
    grown = {
        b"meta": len(added) + len(boxes),
        b"iprp": len(added) + len(boxes),
        b"ipco": len(added),
        b"ipma": len(boxes),
    }
    whole = bytearray(data)
    whole[use] += len(boxes)
    for name, more in grown.items():
        size = slice(at[name] - 4, at[name])
        whole[size] = (int.from_bytes(whole[size], "big") + more).to_bytes(4, "big")
    base = at[b"iloc"] + 16  # of the only item
    assert int.from_bytes(data[base : base + 4], "big") == at[b"mdat"] + 4
    whole[base : base + 4] = (at[b"mdat"] + 4 + grown[b"meta"]).to_bytes(4, "big")
    return bytes(whole[:properties] + added + whole[properties:end] + numbers + whole[end:])


@pytest.fixture
def halves() -> Image.Image:
    """40x20: red on the left, blue on the right."""
    pixels = np.zeros((20, 40, 3), dtype=np.uint8)
    pixels[:, :20] = (250, 0, 0)
    pixels[:, 20:] = (0, 0, 250)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "HEIF", "AVIF", "TIFF", "GIF", "BMP", "JPEG2000"])
def test_decodes_each_format(halves: Image.Image, kind: str) -> None:
    decoded = decode_image(encoded(halves, kind))
    assert (decoded.width, decoded.height) == (40, 20)
    assert decoded.pixels.shape == (20, 40, 3)
    assert decoded.pixels.dtype == np.uint8
    assert decoded.pixels[10, 5, 0] > 200
    assert decoded.pixels[10, 35, 2] > 200


def test_accepts_an_array_of_bytes(halves: Image.Image) -> None:
    data = encoded(halves)
    assert np.array_equal(decode_image(np.frombuffer(data, dtype=np.uint8)).pixels, decode_image(data).pixels)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotation_is_undone(halves: Image.Image, orientation: int, kind: str) -> None:
    """A camera that stores `halves` turned marks how; the upright picture is the same for all eight."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = halves if orientation == 1 else halves.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"exif": exif} | ({} if kind in ("PNG", "TIFF") else {"quality": 95})
    data = turned_heic(stored, orientation) if kind == "HEIF" else encoded(stored, kind, **options)
    decoded = decode_image(data)
    assert (decoded.width, decoded.height) == (40, 20)
    assert decoded.pixels.shape == (20, 40, 3)
    assert decoded.pixels[10, 5, 0] > 200
    assert decoded.pixels[10, 35, 2] > 200


def test_one_pixel() -> None:
    assert decode_image(encoded(Image.new("RGB", (1, 1), (9, 8, 7)))).pixels.tolist() == [[[9, 8, 7]]]


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "CMYK"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    image = Image.new("L", (6, 4), 255).convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert decode_image(encoded(image, kind)).pixels.min() > 250


def test_sixteen_bits_keep_their_brightness() -> None:
    grey = np.full((4, 6), 32768, dtype=np.uint16)
    assert np.abs(decode_image(encoded(Image.fromarray(grey))).pixels.astype(int) - 127).max() <= 1
    dark = np.full((4, 6), 200, dtype=np.uint16)
    assert decode_image(encoded(Image.fromarray(dark))).pixels.max() <= 1


def test_transparency_lies_on_white() -> None:
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    assert decode_image(encoded(image)).pixels.min() == 255


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for kind in ("PNG", "WEBP"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert decode_image(data).pixels[4, 4, 0] > 200


def test_max_side_reduces_and_remembers_the_full_size() -> None:
    image = Image.new("RGB", (1600, 1200), (10, 200, 30))
    for kind in ("JPEG", "PNG"):
        decoded = decode_image(encoded(image, kind), max_side=640)
        assert (decoded.width, decoded.height) == (1600, 1200)
        assert decoded.pixels.shape == (480, 640, 3)
        assert decoded.scale == pytest.approx(0.4)


def test_max_side_never_enlarges() -> None:
    assert decode_image(encoded(Image.new("RGB", (30, 20))), max_side=640).pixels.shape == (20, 30, 3)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\x00\x01garbage" * 40, "no readable image"),
        (b"%PDF-1.7 not an image", "no readable image"),
    ],
)
def test_refuses_what_is_no_picture(data: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        decode_image(data)


@pytest.mark.parametrize("kind", ["ICO", "PPM", "TGA", "PDF"])
def test_refuses_other_types(kind: str) -> None:
    with pytest.raises(InvalidInput, match="JPEG, PNG, WebP, HEIC"):
        decode_image(encoded(Image.new("RGB", (32, 32)), kind))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_refuses_a_file_that_is_cut_off(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises(InvalidInput, match=r"damaged|no readable"):
        decode_image(data[: len(data) // 2])


def test_refuses_too_many_bytes_and_pixels_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="bytes"):
        decode_image(b"\xff" * (decode.MAX_BYTES + 1))
    bomb = encoded(Image.new("1", (9000, 6000)))
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded a picture that is too large"))
    with pytest.raises(InvalidInput, match="50 megapixels"):
        decode_image(bomb)
    with pytest.raises(InvalidInput, match="50 megapixels"):
        decode_image(_png_header(100_000, 100_000))


def _png_header(width: int, height: int) -> bytes:
    """A PNG that claims to be vast."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def test_first_frame_of_a_gif_and_base_picture_of_a_file_with_two() -> None:
    for kind in ("GIF", "MPO", "TIFF", "AVIF", "HEIF"):
        frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
        pixels = decode_image(encoded(frames[0], kind, save_all=True, append_images=frames[1:])).pixels
        assert pixels[32, 32, 0] > 200, kind


def test_vast_jpeg_files_decode_at_reduced_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_PIXELS", 100_000)
    data = encoded(Image.new("RGB", (600, 400), (10, 200, 30)), "JPEG")
    for side, shape in ((None, (200, 300, 3)), (64, (43, 64, 3))):
        decoded = decode_image(data, max_side=side)
        assert (decoded.width, decoded.height, decoded.pixels.shape) == (600, 400, shape)


def test_jpeg_2000_leaves_out_levels_that_nobody_needs(halves: Image.Image) -> None:
    data = encoded(halves.resize((800, 400)), "JPEG2000")
    decoded = decode_image(data, max_side=100)
    assert (decoded.width, decoded.height, decoded.pixels.shape) == (800, 400, (50, 100, 3))
    assert decoded.pixels[25, 10, 0] > 200


def test_damaged_metadata_does_not_cost_the_picture(halves: Image.Image) -> None:
    data = encoded(halves, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + b"\xff" * 40)
    assert decode_image(data).pixels.shape == (20, 40, 3)


def test_large_webp_files_have_the_same_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 4), dtype=np.uint8)
    for channels in (3, 4):
        data = encoded(Image.fromarray(noise[..., :channels].copy()), "WEBP", quality=70)
        monkeypatch.setattr(large_webp, "LARGE_PIXELS", 1 << 30)
        usual = decode_image(data).pixels
        monkeypatch.setattr(large_webp, "LARGE_PIXELS", 1)
        assert np.array_equal(decode_image(data).pixels, usual)
        with pytest.raises(InvalidInput, match="damaged|no readable"):
            decode_image(data[: len(data) * 3 // 4])


_PEAK = """
import resource, sys
from whatsit.vision.decode import decode_image
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
data = open(sys.argv[1], "rb").read()
before = peak()
decode_image(data, max_side=1024)
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("depth", "colour", "channels"), [(16, 0, 1), (16, 6, 4), (8, 2, 3)])
def test_memory_is_bounded_by_the_pixels(tmp_path: Path, depth: int, colour: int, channels: int) -> None:
    """49 megapixels take at most Pillow's own 200 MB and 60 MB more."""
    path = tmp_path / "large.png"
    path.write_bytes(_empty_png(7000, 7000, depth, colour, channels))
    run = subprocess.run([sys.executable, "-c", _PEAK, str(path)], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 260


def _empty_png(width: int, height: int, depth: int, colour: int, channels: int) -> bytes:
    """A PNG of zeros, compressed by row."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pressed, row = zlib.compressobj(), bytes(1 + width * channels * depth // 8)
    body = b"".join(pressed.compress(row) for _ in range(height)) + pressed.flush()
    parts = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part)) for name, part in parts
    )
