"""Profiles that scanners, phones and print shops embed, made here from their primaries."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from perf.pictures.icc_profiles import ADOBE, P3, SRGB, Primaries, cmyk_profile, grey_profile, rgb_profile
from whatsit.vision.colour_profile import find_profile
from whatsit.vision.decode import decode_image


def decoded(image: Image.Image, profile: bytes, kind: str = "PNG", **options: object) -> np.ndarray:
    buffer = io.BytesIO()
    image.save(buffer, kind, icc_profile=profile, **options)
    return decode_image(buffer.getvalue(), max_side=64).pixels[0, 0].astype(int)


def expected(colour: tuple[int, ...], primaries: Primaries, curve: str) -> np.ndarray:
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
    for primaries, gamma, name in ((P3, None, "sRGB"), (ADOBE, 2.19921875, "2.2")):
        pixel = decoded(image, rgb_profile(primaries, gamma), kind, **options)
        assert np.abs(pixel - expected(colour, primaries, name)).max() < (2.5 if kind in ("PNG", "TIFF") else 9)


def test_srgb_by_any_name_changes_nothing() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 20, 3), dtype=np.uint8))
    for profile in (
        rgb_profile(SRGB),
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
    for profile in (b"", grey_profile(1.8), rgb_profile(P3)):
        assert decoded(image, profile, "TIFF").tolist() == plain.tolist()


def test_a_damaged_or_foreign_profile_costs_nothing() -> None:
    good = rgb_profile(P3)
    for profile in (b"not a profile" * 20, good[:200], grey_profile(1.0), good[:128] + b"\xff" * 200):
        assert decoded(Image.new("RGB", (8, 8), (200, 60, 40)), profile).tolist() == [200, 60, 40]


def test_cmyk_profiles_are_followed() -> None:
    for ink, channel in (((255, 0, 0, 0), 0), ((0, 255, 0, 0), 1), ((0, 0, 255, 0), 2)):
        image = Image.new("CMYK", (16, 16), ink)
        source = ImageCms.ImageCmsProfile(io.BytesIO(cmyk_profile()))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        pixel = decoded(image, cmyk_profile(), "TIFF")
        assert pixel.argmin() == channel
        assert np.abs(pixel - np.asarray(converted)[0, 0]).max() <= 12  # black points aside
    assert decoded(Image.new("CMYK", (16, 16)), cmyk_profile(), "TIFF").min() > 245


def test_lab_is_converted() -> None:
    lab = Image.merge("LAB", [Image.new("L", (8, 8), value) for value in (255, 128, 128)])
    buffer = io.BytesIO()
    lab.save(buffer, "TIFF")
    assert decode_image(buffer.getvalue()).pixels.min() > 245
