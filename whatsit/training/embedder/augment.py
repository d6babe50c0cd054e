"""Light augmentation: camera and detector noise, and no more."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""uint8 [H, W, 3], RGB."""


def random_box(image: Image, rng: np.random.Generator, smallest: float) -> npt.NDArray[np.float32]:
    """Return a random box x1, y1, x2, y2 with sides of `smallest`..1 of the image."""
    height, width = image.shape[:2]
    w, h = rng.uniform(smallest, 1, 2) * (width, height)
    x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
    return np.array([x, y, x + w, y + h], np.float32)


def random_margin(image: Image, rng: np.random.Generator, largest: float) -> Image:
    """Widen each border by 0..`largest` of the side, replicating the border."""
    height, width = image.shape[:2]
    top, bottom = (rng.uniform(0, largest, 2) * height).astype(int)
    left, right = (rng.uniform(0, largest, 2) * width).astype(int)
    return _u8(cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_REPLICATE))


def random_turn(image: Image, rng: np.random.Generator, degrees: float) -> Image:
    """Rotate by up to `degrees` either way, repeating the outermost pixels."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-degrees, degrees), 1)
    return _u8(cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE))


def random_light(image: Image, rng: np.random.Generator, strength: float) -> Image:
    """Jitter brightness, contrast, white balance and saturation.

    White balance changes a third as much: colour tells fruit apart.

    Args:
        image: uint8 [H, W, 3].
        rng: the source of chance.
        strength: largest relative change, 0..1.
    """
    gain = rng.uniform(1 - strength, 1 + strength) * rng.uniform(1 - strength / 3, 1 + strength / 3, 3)
    offset = rng.uniform(-strength, strength) * 48
    saturation = rng.uniform(1 - strength, 1 + strength)
    grey = np.full((3, 3), 1 / 3)
    matrix = np.diag(gain) @ (saturation * np.eye(3) + (1 - saturation) * grey)
    return _u8(cv2.transform(image, np.hstack([matrix, np.full((3, 1), offset)])))


def random_blur(image: Image, rng: np.random.Generator, largest: float) -> Image:
    """Blur with a Gaussian of sigma 0..`largest` pixels."""
    sigma = rng.uniform(0, largest)
    return image if sigma < 0.3 else _u8(cv2.GaussianBlur(image, (0, 0), sigma))


def _u8(image: object) -> Image:
    return np.asarray(image, np.uint8)
