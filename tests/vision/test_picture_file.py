"""Types of files, and pictures that ask for more than their size lets expect."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import pillow_heif
import pytest
from PIL import Image, features
from whatsit_client.errors import InvalidInput

from whatsit.vision import picture_file
from whatsit.vision.picture_file import open_picture

pillow_heif.register_heif_opener()


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(width: int, height: int, extra: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def many_scans(width: int, height: int, scans: int) -> bytes:
    """A progressive JPEG file whose last scan is there many times over."""
    data = saved(Image.new("L", (width, height), 90), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + b"\xff\xd9"


def resized(jpeg: bytes, width: int, height: int) -> bytes:
    """A JPEG file with another size in its header."""
    frame = max(jpeg.find(b"\xff\xc0"), jpeg.find(b"\xff\xc2"))
    return jpeg[: frame + 5] + struct.pack(">HH", height, width) + jpeg[frame + 9 :]


def tiff_of_strips(count: int) -> bytes:
    entries = [(256, 4, 1, 1), (257, 4, 1, count), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, count, 150)]
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return (b"II*\0" + struct.pack("<IH", 8, len(entries)) + body).ljust(150, b"\0") + struct.pack("<I", 8) * count


def run_length_bmp(side: int) -> bytes:
    whole = saved(Image.new("P", (side, side)), "BMP")
    return whole[:30] + struct.pack("<I", 1) + whole[34:200]


BOMBS = {
    "scans": (lambda: many_scans(3000, 3000, 2000), "2,00. scans, more work"),
    "coefficients": (
        lambda: resized(saved(Image.new("CMYK", (16, 16)), "JPEG", progressive=True), 65_000, 2_000),
        "and too large|18 scans, more work",
    ),
    "segments": (lambda: b"\xff\xd8" + b"\xff\xfe\0\2" * 30_000 + b"\xff\xd9", "segments"),
    "a thin picture": (lambda: png(1, 49_000_000), "1x49000000 pixels, a side over"),
    "a large picture": (lambda: png(9000, 6000), "9000x6000 pixels, more than the 50 megapixels"),
    "a vast picture": (lambda: png(100_000, 100_000), "more than the 50 megapixels"),
    "chunks": (lambda: png(8, 8, chunk(b"abCd", b"") * 100_001), "100,000 chunks"),
    "blocks": (lambda: b"GIF89a\1\0\1\0\0\0\0" + b"\x21\xfe\1a\0" * 60_000, "100,000 blocks"),
    "strips": (lambda: tiff_of_strips(100_001), "100,000 values"),
    "run lengths": (lambda: run_length_bmp(1500), "run-length coded BMP image has 1500x1500"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_they_are_decoded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, words = BOMBS[name]
    data = make()
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(InvalidInput, match=words) as refusal:
        open_picture(data)
    assert str(refusal.value).endswith(".")


def test_what_many_scans_cost_depends_on_the_size() -> None:
    assert open_picture(many_scans(64, 64, 300)).size == (64, 64)


@pytest.mark.filterwarnings("ignore")
def test_jpeg_files_may_have_200_megapixels() -> None:
    small = saved(Image.new("L", (16, 16)), "JPEG")
    assert open_picture(resized(small, 14_000, 14_000)).size == (14_000, 14_000)
    with pytest.raises(InvalidInput, match="200 megapixels"):
        open_picture(resized(small, 14_200, 14_200))


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
    monkeypatch.setattr(picture_file, "_heif_is_there", lambda: False)
    with pytest.raises(InvalidInput, match="HEIC, which needs pillow-heif: run `pip install pillow-heif`"):
        open_picture(heic)
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.raises(InvalidInput, match=r"AVIF, which needs Pillow 11\.3"):
        open_picture(heic.replace(b"heic", b"avif"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["GIF", "TIFF", "BMP", "HEIF", "AVIF", "JPEG2000", "WEBP", "PNG", "JPEG"])
def test_headers_that_are_cut_off_are_refused(kind: str) -> None:
    data = saved(Image.new("RGB", (40, 40)), kind)
    for size in range(1, 60, 3):
        with contextlib.suppress(InvalidInput):  # nothing else
            open_picture(data[:size])
