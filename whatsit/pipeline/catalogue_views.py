"""Vectors of catalogue pictures as the mean of several views of each."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from whatsit.pipeline.decoded_picture import DecodedPicture, Pixels
from whatsit.pipeline.networks import Network
from whatsit.pipeline.region_selection import crop_regions
from whatsit.vision.boxes import FloatArray
from whatsit.vision.regions import Regions

_INSET = 0.1  # cut off at each side of the enlarged view, of the side
_MARGIN = 0.125  # added at each side of the reduced view, of the side
_GREY = 235  # of the margin
_DEGREES = 12
_DARK = 0.7
_BLUR = 2.0  # sigma, pixels


def picture_views(crop: Pixels) -> Pixels:
    """Return eight views of a crop, as visitors may photograph it.

    The crop itself is first; then it is mirrored, its inner 80 % enlarged, reduced within a grey margin of 12.5 % of
    the side, rotated by +12 and by -12 degrees with its border repeated, darkened to 70 %, and blurred by a Gaussian
    of sigma 2 pixels. Known as test-time augmentation (Krizhevsky et al. 2012); here of the gallery, not of the query.

    Args:
        crop: uint8 [3,S,S] RGB, the embedder's input; S is 224 pixels.

    Returns:
        uint8 [8,3,S,S].
    """
    pixels = np.ascontiguousarray(crop.transpose(1, 2, 0))
    side = pixels.shape[0]
    cut, margin = int(_INSET * side), int(_MARGIN * side)
    wide = int((1 + 2 * _MARGIN) * side)
    framed = np.full((wide, wide, 3), _GREY, dtype=np.uint8)
    framed[margin : margin + side, margin : margin + side] = pixels
    views = [
        pixels,
        pixels[:, ::-1],
        cv2.resize(pixels[cut : side - cut, cut : side - cut], (side, side), interpolation=cv2.INTER_AREA),
        cv2.resize(framed, (side, side), interpolation=cv2.INTER_AREA),
        _rotated(pixels, _DEGREES),
        _rotated(pixels, -_DEGREES),
        (pixels.astype(np.float32) * _DARK).astype(np.uint8),
        cv2.GaussianBlur(pixels, (0, 0), _BLUR),
    ]
    return np.ascontiguousarray(np.stack(views).transpose(0, 3, 1, 2), dtype=np.uint8)


def embed_views(picture: DecodedPicture, regions: Regions, embedder: Network) -> FloatArray:
    """Return for each region the mean of the embeddings of its views.

    Takes the place of `embed_regions` for the pictures of a catalogue. The views of one region are a batch of their
    own, so that its vector does not depend on the other regions.

    Args:
        picture: the picture.
        regions: N regions, boxes in pixels of the full picture.
        embedder: the network.

    Returns:
        f32 [N,128], unit length.
    """
    crops = crop_regions(picture, regions)
    return np.stack([mean_of_views(crop, lambda views: embedder(views)["embedding"]) for crop in crops])


def mean_of_views(crop: Pixels, embed: Callable[[Pixels], FloatArray]) -> FloatArray:
    """Return the mean of the embeddings of a crop's views, f32 [D], unit length.

    Args:
        crop: uint8 [3,S,S] RGB.
        embed: maps uint8 [8,3,S,S] to f32 [8,D].
    """
    embeddings = _unit(np.asarray(embed(picture_views(crop)), dtype=np.float32))
    return _unit(embeddings.mean(axis=0))


def _unit(vectors: FloatArray) -> FloatArray:
    scaled: FloatArray = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return scaled


def _rotated(pixels: Pixels, degrees: float) -> Pixels:
    side = pixels.shape[0]
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(pixels, turn, (side, side), borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)
