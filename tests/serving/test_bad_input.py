"""Every kind of bad or unusual picture, sent to a running server over raw HTTP and gRPC.

A caller gets HTTP 400 or INVALID_ARGUMENT with one clear sentence, or a right answer where the picture is only
unusual; afterwards the server is ready and answers rightly. Refusals at start are in test_launcher.py, rows of
merchants' files in tests/catalogue.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from whatsit_client import Client

from tests.refusals import Ask, best, refused, saved, vectors
from whatsit.server.launcher import Server

pytestmark = pytest.mark.triton

ORIENTATION = 0x0112

# Files that are no pictures


def test_empty(ask: Ask) -> None:
    refused(ask(b""), "empty")


def test_random_bytes(ask: Ask) -> None:
    refused(ask(np.random.default_rng(0).bytes(5000)), "JPEG, PNG, WebP")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
def test_truncated(ask: Ask, photo: Image.Image, kind: str, part: float) -> None:
    data = saved(photo, kind)
    refused(ask(data[: int(len(data) * part)]))


def test_damaged_in_the_middle(ask: Ask, photo: Image.Image) -> None:
    data = bytearray(saved(photo, "PNG"))
    data[len(data) // 2 : len(data) // 2 + 64] = bytes(64)
    refused(ask(bytes(data)), "damaged")


@pytest.mark.parametrize("kind", ["ICO", "PPM", "TGA", "PDF"])
def test_wrong_type(ask: Ask, photo: Image.Image, kind: str) -> None:
    refused(ask(saved(photo, kind)), "JPEG, PNG, WebP")


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "TIFF", "GIF", "BMP", "JPEG2000", "MPO"])
def test_every_kind_of_picture_is_identified(ask: Ask, photo: Image.Image, kind: str) -> None:
    pillow_heif.register_heif_opener()
    assert best(ask(saved(photo.copy(), kind)))


@pytest.mark.parametrize(
    "data", [b"What is this?", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"]
)
def test_text_and_mere_beginnings(ask: Ask, data: bytes) -> None:
    refused(ask(data))


# Sizes


def test_over_twenty_megabytes(ask: Ask, photo: Image.Image) -> None:
    data = saved(photo, "JPEG")
    refused(ask(data + bytes(20 * 2**20 + 1 - len(data))), "20,971,520")
    assert ask(data + bytes(20 * 2**20 - len(data))).status == "ok"


@pytest.mark.parametrize("size", [(8000, 7000), (60000, 60000)])
def test_over_fifty_megapixels_in_a_small_file(ask: Ask, size: tuple[int, int]) -> None:
    """Only the header is read; the second would be 3.6 gigapixels."""
    data = saved(Image.new("1", (8, 8)), "PNG")
    header = data[12:16] + size[0].to_bytes(4, "big") + size[1].to_bytes(4, "big") + data[24:29]
    data = data[:12] + header + zlib.crc32(header).to_bytes(4, "big") + data[33:]
    assert len(data) < 1000
    refused(ask(data), "50 megapixels")


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1)])
def test_tiny_and_thin(ask: Ask, size: tuple[int, int]) -> None:
    reply = ask(saved(Image.new("RGB", size, "red"), "PNG"))
    assert reply.status == "ok", reply
    assert reply.tensors["BOXES"][:4] == [0, 0, *size]


def test_large_but_allowed(ask: Ask, photo: Image.Image, product: Path) -> None:
    reply = ask(saved(photo.resize((7000, 7000)), "JPEG"), gate="off")
    assert best(reply) == product.stem
    assert reply.tensors["BOXES"][:4] == [0, 0, 7000, 7000]


# Unusual pictures get right answers


def grey16(photo: Image.Image) -> bytes:
    wide = np.asarray(photo.convert("L"), np.uint16) * 257
    return saved(Image.fromarray(wide), "PNG")


def on_white(photo: Image.Image) -> bytes:
    """Where the picture is white anyway it becomes transparent black."""
    rgba = np.dstack([np.asarray(photo), np.full((photo.height, photo.width), 255, np.uint8)])
    rgba[(rgba[..., :3] >= 250).all(axis=2)] = 0
    return saved(Image.fromarray(rgba), "PNG")


def animated(photo: Image.Image, kind: str) -> bytes:
    other = Image.new("RGB", photo.size, "purple")
    return saved(
        photo,
        kind,
        save_all=True,
        append_images=[other, other],
        duration=50,
        **({"quality": 95} if kind == "WEBP" else {}),
    )


UNUSUAL: dict[str, Callable[[Image.Image], bytes]] = {
    "png": lambda photo: saved(photo, "PNG"),
    "webp": lambda photo: saved(photo, "WEBP", quality=95),
    "lossless webp": lambda photo: saved(photo, "WEBP", lossless=True),
    "progressive": lambda photo: saved(photo, "JPEG", quality=95, progressive=True),
    "palette": lambda photo: saved(photo.quantize(256), "PNG"),
    "cmyk": lambda photo: saved(photo.convert("CMYK"), "JPEG", quality=95),
    "alpha": on_white,
    "animated png": lambda photo: animated(photo, "PNG"),
    "animated webp": lambda photo: animated(photo, "WEBP"),
    "trailing bytes": lambda photo: saved(photo, "JPEG", quality=95) + b"and more" * 99,
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_unusual_pictures(ask: Ask, photo: Image.Image, product: Path, kind: str) -> None:
    data = UNUSUAL[kind](photo)
    assert best(ask(data, gate="off")) == product.stem
    plain = vectors(ask(saved(photo, "PNG"), "embed", gate="off"))[0]
    assert vectors(ask(data, "embed", gate="off"))[0] @ plain > 0.97


@pytest.mark.parametrize("make", [grey16, lambda photo: saved(photo.convert("L"), "JPEG", quality=95)])
def test_grey_pictures_are_the_grey_of_the_picture(
    ask: Ask, photo: Image.Image, make: Callable[[Image.Image], bytes]
) -> None:
    grey = vectors(ask(saved(photo.convert("L").convert("RGB"), "PNG"), "embed", gate="off"))[0]
    assert vectors(ask(make(photo), "embed", gate="off"))[0] @ grey > 0.97


@pytest.mark.parametrize("orientation", [2, 3, 4, 5, 6, 7, 8])
def test_rotated_by_exif(ask: Ask, photo: Image.Image, orientation: int) -> None:
    """Sides, the caller's boxes and the answer are those of the upright picture."""
    upright = Image.new("RGB", (360, 240), "white")
    upright.paste(photo.resize((150, 150)), (200, 20))
    turns = {2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4]}  # Pillow's transpositions that undo the tag
    stored = upright
    for turn in turns[orientation]:
        stored = stored.transpose(Image.Transpose(turn))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = saved(stored, "JPEG", quality=95, exif=exif)
    own = json.dumps([[200, 20, 350, 170]])
    expected = ask(saved(upright, "JPEG", quality=95), "embed", boxes=own)
    reply = ask(data, "embed", boxes=own)
    assert reply.status == "ok", reply
    assert reply.tensors["BOXES"] == [0, 0, 360, 240, 200, 20, 350, 170]
    likeness = (vectors(reply) * vectors(expected)).sum(axis=1)
    assert likeness.min() > 0.97
    refused(ask(data, boxes=json.dumps([[10, 300, 50, 350]])), "360x240")


# After all that


def test_good_calls_beside_bad_ones(server: Server, product: Path) -> None:
    """Requests share executions; a bad one spoils nobody's answer."""
    data = product.read_bytes()
    with Client(server.grpc_url) as client, ThreadPoolExecutor(8) as pool:

        def call(number: int) -> str:
            try:
                return client.identify(data if number % 2 else data[:99], gate=False).regions[0].matches[0].item.id
            except ValueError:
                return "refused"

        answers = list(pool.map(call, range(32)))
    assert answers == ["refused", product.stem] * 16


def test_afterwards_the_server_is_ready_and_answers_rightly(ask: Ask, server: Server, shop: Path) -> None:
    assert urllib.request.urlopen(f"http://{server.http_url}/v2/health/ready", timeout=120).status == 200
    for picture in sorted((shop / "images").glob("*.jpg"))[:5]:
        assert best(ask(picture.read_bytes(), gate="off")) == picture.stem
