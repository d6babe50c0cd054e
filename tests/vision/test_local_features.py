"""Local features: where they are, how they are kept, and what has none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.rendering.product import draw, make_products
from whatsit.vision.local_features import FEWEST, ROW, SIDE, LocalFeatures, extract, extract_regions


@pytest.fixture(scope="module")
def carton() -> np.ndarray:
    product = next(one for one in make_products(40, 3) if "arton" in one.category or "uice" in one.category)
    return np.ascontiguousarray(draw(product, 300)[..., :3])


def test_descriptors_are_rootsift_of_opencvs_sift(carton: np.ndarray) -> None:
    features = extract(carton, limit=50)
    scale = SIDE / max(carton.shape[:2])
    size = (round(carton.shape[1] * scale), round(carton.shape[0] * scale))
    grey = cv2.cvtColor(cv2.resize(carton, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    keypoints, found = cv2.SIFT.create(nfeatures=50, contrastThreshold=0.02).detectAndCompute(grey, None)
    best = int(np.argmax([keypoint.response for keypoint in keypoints]))
    root = np.sqrt(found[best] / found[best].sum())
    expected = root / np.linalg.norm(root)
    np.testing.assert_allclose(features.descriptors[0], expected, atol=4e-3)
    np.testing.assert_allclose(features.points[0], np.array(keypoints[best].pt) * 1000 / max(size), atol=0.05)
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1.0, atol=1e-5)


def test_they_survive_as_bytes_and_there_are_no_more_than_asked_for(carton: np.ndarray) -> None:
    features = extract(carton, limit=40)
    assert FEWEST <= len(features) <= 40
    assert len(features.to_bytes()) == ROW * len(features)
    np.testing.assert_array_equal(LocalFeatures.from_bytes(features.to_bytes()).rows, features.rows)


def test_what_has_no_texture_has_no_features() -> None:
    assert len(extract(np.full((200, 300, 3), 127, dtype=np.uint8))) == 0
    assert len(extract(np.zeros((1, 1, 3), dtype=np.uint8))) == 0


def test_a_region_is_a_picture_of_its_own(carton: np.ndarray) -> None:
    height, width = carton.shape[:2]
    scene = np.full((2 * height, 2 * width, 3), 255, dtype=np.uint8)
    scene[height:, width:] = carton
    (inside, outside) = extract_regions(
        scene, np.array([[width, height, 2 * width, 2 * height], [0, 0, width, height]], dtype=np.float32)
    )
    np.testing.assert_array_equal(inside.rows, extract(carton).rows)
    assert len(outside) == 0


@pytest.mark.parametrize("size", [1, 131, 133])
def test_bytes_that_are_no_rows_are_refused(size: int) -> None:
    with pytest.raises(InvalidInput, match="132"):
        LocalFeatures.from_bytes(bytes(size))
