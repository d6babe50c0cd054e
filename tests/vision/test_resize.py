from __future__ import annotations

import cv2
import numpy as np
import pytest

from whatsit.vision.resize import channels_first, resize


def smooth_picture(width: int, height: int) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (height // 24, width // 24, 3), np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def averaged(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """The exact area average: every target pixel is the mean of the (fractional) source pixels under it."""

    def weights(source: int, target: int) -> np.ndarray:
        edges = np.linspace(0, source, target + 1)
        index = np.arange(source)
        return (
            np.clip(np.minimum(edges[1:, None], index + 1) - np.maximum(edges[:-1, None], index), 0, None)
            * target
            / source
        )

    rows, columns = weights(pixels.shape[0], height), weights(pixels.shape[1], width)
    return np.einsum("yh,hwc,xw->yxc", rows, pixels.astype(np.float64), columns, optimize=True)


# Halving an odd side drops its last line, and two passes are a little softer than one.
@pytest.mark.parametrize(
    ("size", "most"), [((1024, 768), 2), ((1023, 767), 4), ((900, 500), 3), ((348, 464), 1), ((225, 700), 1)]
)
def test_shrinking_is_near_the_area_average(size: tuple[int, int], most: float) -> None:
    pixels = smooth_picture(*size)
    error = resize(pixels, 224, 224) - averaged(pixels, 224, 224)
    assert np.sqrt((error**2).mean()) < most  # of 255


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((1000, 1000, 3), np.uint8)
    stripes[:, ::2] = 255  # finer than the result can show: must come out grey
    assert np.abs(resize(stripes, 224, 224).astype(int) - 127).max() <= 32


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (100, 900), (223, 224), (448, 448)])
def test_any_shape_fits(size: tuple[int, int]) -> None:
    pixels = np.full((size[1], size[0], 3), 77, np.uint8)
    result = resize(pixels, 224, 224)
    assert result.shape == (224, 224, 3)
    assert (result == 77).all()


def test_channels_first_is_the_transpose() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (37, 53, 3), np.uint8)
    planes = channels_first(pixels)
    assert planes.flags.c_contiguous
    np.testing.assert_array_equal(planes, pixels.transpose(2, 0, 1))
