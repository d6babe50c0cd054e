"""Conversion of ICC profiles to sRGB, with cached transforms."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

_MOST_BYTES = 4 * 1024 * 1024
_SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_SAME = 3  # levels by which a profile may differ from sRGB and count as the same


class ColourProfile:
    """The transform from a picture's colours to sRGB.

    Args:
        transform: of LittleCMS.
        mode: Pillow's mode of the pixels that it takes.
    """

    def __init__(self, transform: ImageCms.ImageCmsTransform, mode: str) -> None:
        self._transform, self.mode = transform, mode

    def apply(self, image: Image.Image) -> Image.Image:
        """Return the picture in sRGB, mode RGB."""
        taken = image if image.mode == self.mode else image.convert(self.mode)
        converted = ImageCms.applyTransform(taken, self._transform)
        assert converted is not None  # it is where it does not work in place
        return converted


def find_profile(image: Image.Image) -> ColourProfile | None:
    """Return what converts a picture's colours to sRGB.

    None where there is no profile, it is damaged, made for other channels than the picture's, or sRGB itself (within
    3 levels of 255): such pixels are taken as they are.
    """
    if image.mode == "LAB":
        return _lab()
    data = image.info.get("icc_profile")
    if not isinstance(data, bytes) or not 128 <= len(data) <= _MOST_BYTES:
        return None
    profile = _profile(data)
    if profile is None:
        return None
    cmyk, grey = image.mode == "CMYK", image.mode in ("1", "L", "LA") or image.mode.startswith("I")
    fits = {"RGB": not cmyk, "L": grey, "CMYK": cmyk}[profile.mode]
    return profile if fits else None


@lru_cache(maxsize=32)
def _profile(data: bytes) -> ColourProfile | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(data))
        mode = _SPACES[source.profile.xcolor_space]
        profile = ColourProfile(_build(source, mode), mode)
        return None if _is_srgb(profile) else profile
    except Exception:  # a damaged profile must not cost the picture
        return None


@lru_cache(maxsize=1)
def _lab() -> ColourProfile:
    return ColourProfile(_build(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB"), "LAB")


def _build(source: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
    return ImageCms.ImageCmsTransform(source, target, mode, "RGB", intent, flags=flags)


def _is_srgb(profile: ColourProfile) -> bool:
    """Try the profile on colours of the whole cube."""
    if profile.mode == "CMYK":
        return False
    steps = np.linspace(0, 255, 17).round().astype(np.uint8)
    if profile.mode == "L":
        colours = np.repeat(steps[None, :, None], 3, axis=2)
    else:
        colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(17, -1, 3)
    converted = np.asarray(profile.apply(Image.fromarray(colours)))
    return int(np.abs(converted.astype(int) - colours).max()) <= _SAME
