"""Perceptual hashes: those of imagehash, steady under what merchants do to pictures, apart for other pictures."""

from __future__ import annotations

import cv2
import imagehash
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from whatsit.rendering.product import make_products
from whatsit.rendering.shop import catalogue_picture
from whatsit.vision.perceptual_hash import BYTES, KINDS, Kind, hamming, perceptual_hash

Pixels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def pictures() -> list[Pixels]:
    return [catalogue_picture(product, 256) for product in make_products(24, 3)]


@pytest.mark.parametrize("kind", KINDS)
def test_small_pictures_have_the_hash_of_imagehash(kind: Kind, pictures: list[Pixels]) -> None:
    compute = {"ahash": imagehash.average_hash, "dhash": imagehash.dhash, "phash": imagehash.phash}[kind]
    for picture in pictures:
        small = np.asarray(cv2.resize(picture, (191, 230), interpolation=cv2.INTER_AREA), np.uint8)
        bits = np.unpackbits(perceptual_hash(small, kind)).reshape(8, 8).astype(bool)
        assert (bits == compute(Image.fromarray(small)).hash).all()


@pytest.mark.parametrize("kind", KINDS)
def test_large_pictures_have_nearly_that_hash(kind: Kind, pictures: list[Pixels]) -> None:
    compute = {"ahash": imagehash.average_hash, "dhash": imagehash.dhash, "phash": imagehash.phash}[kind]
    apart = []
    for picture in pictures:
        large = np.asarray(cv2.resize(picture, (501, 767), interpolation=cv2.INTER_CUBIC), np.uint8)
        own = np.unpackbits(perceptual_hash(large, kind)).astype(bool)
        apart.append(int((own != compute(Image.fromarray(large)).hash.ravel()).sum()))
    assert np.mean(apart) <= 2.0
    assert max(apart) <= 8


@pytest.mark.parametrize("kind", KINDS)
def test_copies_stay_near_and_others_far(kind: Kind, pictures: list[Pixels]) -> None:
    hashes = np.stack([perceptual_hash(picture, kind) for picture in pictures])
    assert hashes.shape == (24, BYTES)
    assert hashes.dtype == np.uint8
    half = [np.asarray(cv2.resize(one, (128, 128), interpolation=cv2.INTER_AREA), np.uint8) for one in pictures]
    coarse = [cv2.imdecode(cv2.imencode(".jpg", one, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 1) for one in pictures]
    for copies in (half, coarse):
        copied = np.stack([perceptual_hash(np.asarray(one, np.uint8), kind) for one in copies])
        assert (hamming(hashes, copied) <= 6).mean() >= 0.9
    between = hamming(hashes[:, None], hashes[None])
    assert np.median(between[np.triu_indices(24, 1)]) >= 12


def test_hamming_counts_differing_bits() -> None:
    random = np.random.default_rng(0)
    some, others = (random.integers(0, 256, (40, BYTES), dtype=np.uint8) for _ in range(2))
    expected = [
        [sum(bin(int(a) ^ int(b)).count("1") for a, b in zip(one, other, strict=True)) for other in others]
        for one in some
    ]
    assert (hamming(some[:, None], others[None]) == np.array(expected)).all()


def test_the_smallest_picture_has_a_hash() -> None:
    for kind in KINDS:
        assert perceptual_hash(np.full((1, 1, 3), 200, np.uint8), kind).shape == (BYTES,)
