"""The views of a catalogue picture, and the mean of their vectors."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from whatsit.pipeline.catalogue_views import embed_views, picture_views
from whatsit.pipeline.decoded_picture import DecodedPicture
from whatsit.pipeline.region_selection import crop_regions
from whatsit.vision.regions import Regions

CROP = np.random.default_rng(0).integers(0, 256, (3, 224, 224), dtype=np.uint8)


def first_pixels(images: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float32]]:
    """Embed by four pixels, one far from unit length."""
    return {"embedding": images[:, :, 100, ::60].reshape(len(images), -1)[:, :4].astype(np.float32) + 1}


def test_eight_views_of_the_shape_of_the_crop() -> None:
    views = picture_views(CROP)
    assert views.shape == (8, 3, 224, 224)
    assert views.dtype == np.uint8
    np.testing.assert_array_equal(views, picture_views(CROP.copy()))
    original, mirrored, inner, framed, left, right, dark, blurred = views
    np.testing.assert_array_equal(original, CROP)
    np.testing.assert_array_equal(mirrored, CROP[:, :, ::-1])
    np.testing.assert_array_equal(dark, np.floor(CROP.astype(np.float32) * np.float32(0.7)))
    assert (framed[:, :22] == 235).all()
    assert (framed[:, :, -22:] == 235).all()
    channel = cv2.GaussianBlur(np.ascontiguousarray(CROP[1]), (0, 0), 2.0)
    np.testing.assert_array_equal(blurred[1], channel)
    assert not np.array_equal(left, right)
    assert inner.shape == CROP.shape


def test_places_move_as_the_views_say() -> None:
    crop = np.zeros((3, 224, 224), dtype=np.uint8)
    crop[:, 30:50, 102:122] = 255  # above the centre

    def centre(view: npt.NDArray[np.uint8]) -> tuple[float, float]:
        y, x = np.nonzero(view[0] == 255)
        return float(x.mean()) - 111.5, float(y.mean()) - 111.5

    _, _, inner, framed, left, right, _, _ = picture_views(crop)
    framed = np.where(framed == 235, 0, framed).astype(np.uint8)
    up = 72.0
    sine, cosine = up * np.sin(np.radians(12)), up * np.cos(np.radians(12))
    expected = [(0, -up / 0.8), (0, -up * 0.8), (-sine, -cosine), (sine, -cosine)]
    for view, place in zip((inner, framed, left, right), expected, strict=True):
        np.testing.assert_allclose(centre(view), place, atol=1.5)


def test_a_vector_is_the_mean_of_unit_vectors_of_one_region() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (300, 200, 3), dtype=np.uint8)
    picture = DecodedPicture(pixels, 200, 300)
    boxes = np.array([[0, 0, 200, 300], [20, 30, 150, 160]], dtype=np.float32)
    regions = Regions(boxes, np.ones(2, dtype=np.float32), ("", ""))
    vectors = embed_views(picture, regions, first_pixels)
    assert vectors.shape == (2, 4)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
    for crop, vector in zip(crop_regions(picture, regions), vectors, strict=True):
        each = [first_pixels(view[None])["embedding"][0].astype(np.float64) for view in picture_views(crop)]
        mean = sum(one / np.linalg.norm(one) for one in each) / 8
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), rtol=1e-5)
    alone = embed_views(picture, picture.whole, first_pixels)
    assert alone[0].tobytes() == vectors[0].tobytes()
