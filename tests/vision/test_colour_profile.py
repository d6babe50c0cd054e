"""Profiles that scanners, phones and print shops embed, made here from their primaries."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from whatsit.vision.colour_profile import find_profile
from whatsit.vision.decode import decode_image

# Columns of the colourants (XYZ at D50), as the profiles' makers publish them.
P3 = [(0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407)]
ADOBE = [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)]
SRGB = [(0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141)]


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _curve(gamma: float) -> bytes:
    values = [round(65535 * (n / 1023) ** gamma) for n in range(1024)]
    return b"curv\0\0\0\0" + struct.pack(">I1024H", 1024, *values)


def _srgb_curve() -> bytes:
    steps = np.arange(1024) / 1023
    linear = np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4)
    return b"curv\0\0\0\0" + struct.pack(">I1024H", 1024, *(65535 * linear).round().astype(int).tolist())


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"wtpt": b"XYZ \0\0\0\0" + _fixed(0.9642) + _fixed(1) + _fixed(0.8249)} | tags
    at, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    white = _fixed(0.9642) + _fixed(1) + _fixed(0.8249)
    head = struct.pack(
        ">I4sI4s4s4s12s4s", at + len(body), b"lcms", 0x02400000, b"mntr", space, b"XYZ ", bytes(12), b"acsp"
    )
    return head.ljust(68, b"\0") + white + bytes(48) + struct.pack(">I", len(tags)) + table + body


def rgb_profile(primaries: list[tuple[float, ...]], curve: bytes) -> bytes:
    tags = {
        name: b"XYZ \0\0\0\0" + b"".join(map(_fixed, xyz))
        for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)
    }
    return _profile(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def grey_profile(gamma: float) -> bytes:
    return _profile(b"GRAY", {b"kTRC": _curve(gamma)})


def decoded(image: Image.Image, profile: bytes, kind: str = "PNG", **options: object) -> np.ndarray:
    buffer = io.BytesIO()
    image.save(buffer, kind, icc_profile=profile, **options)
    return decode_image(buffer.getvalue(), max_side=64).pixels[0, 0].astype(int)


def expected(colour: tuple[int, ...], primaries: list[tuple[float, ...]], curve: str) -> np.ndarray:
    """The conversion by hand: linear light, the two matrices, sRGB's curve."""
    share = np.array(colour) / 255
    linear = (
        share**2.19921875
        if curve == "2.2"
        else np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    )
    light = np.linalg.solve(np.array(SRGB).T, np.array(primaries).T @ linear).clip(0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize(
    "colour", [(200, 60, 40), (90, 160, 70), (30, 60, 200), (128, 128, 128), (255, 255, 255), (0, 0, 0)]
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_wide_gamuts_become_srgb(colour: tuple[int, int, int], kind: str) -> None:
    options = {} if kind in ("PNG", "TIFF") else {"quality": 100} | ({"subsampling": 0} if kind == "JPEG" else {})
    image = Image.new("RGB", (16, 16), colour)
    for primaries, curve, name in ((P3, _srgb_curve(), "sRGB"), (ADOBE, _curve(2.19921875), "2.2")):
        pixel = decoded(image, rgb_profile(primaries, curve), kind, **options)
        assert np.abs(pixel - expected(colour, primaries, name)).max() < (2.5 if kind in ("PNG", "TIFF") else 9)


def test_srgb_by_any_name_changes_nothing() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 20, 3), dtype=np.uint8))
    for profile in (
        rgb_profile(SRGB, _srgb_curve()),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ):
        noise.info["icc_profile"] = profile
        assert find_profile(noise) is None


def test_grey_profiles() -> None:
    pixel = decoded(Image.new("L", (8, 8), 100), grey_profile(1.0))
    assert pixel.tolist() == pytest.approx([168] * 3, abs=2)  # linear light
    assert decoded(Image.new("LA", (8, 8), (100, 255)), grey_profile(1.0)).tolist() == pytest.approx([168] * 3, abs=2)


def test_cmyk_without_a_usable_profile_is_read_as_pillow_reads_it() -> None:
    image = Image.new("CMYK", (8, 8), (0, 200, 200, 0))
    plain = np.array(image.convert("RGB"))[0, 0]
    for profile in (b"", grey_profile(1.8), rgb_profile(P3, _srgb_curve())):
        assert decoded(image, profile, "TIFF").tolist() == plain.tolist()


def test_a_damaged_or_foreign_profile_costs_nothing() -> None:
    good = rgb_profile(P3, _srgb_curve())
    for profile in (b"not a profile" * 20, good[:200], grey_profile(1.0), good[:128] + b"\xff" * 200):
        assert decoded(Image.new("RGB", (8, 8), (200, 60, 40)), profile).tolist() == [200, 60, 40]


def test_lab_is_converted() -> None:
    lab = Image.merge("LAB", [Image.new("L", (8, 8), value) for value in (255, 128, 128)])
    buffer = io.BytesIO()
    lab.save(buffer, "TIFF")
    assert decode_image(buffer.getvalue()).pixels.min() > 245
