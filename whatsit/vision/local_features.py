"""Local features of prints: RootSIFT, small enough to keep for every picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

# On 100 grocery train photos of packages against 81 shop images, geometry alone found 70 % at 256 px, 67 % at 320 and
# 60 % at 400, at a rising price: small letters are read no better from a phone photo that is scaled up.
SIDE = 256
LIMIT = 300
# SIFT's default of 0.04 leaves pale print without a feature.
CONTRAST = 0.02
# With fewer than this there is no texture to speak of: a pear, a plain mug.
FEWEST = 8
# Grey levels between a corner and the pixels around it.
CORNER = 30
ROW = 132
# The unit of coordinates: a picture's longer side. Distances between points are then free of its resolution.
EXTENT = 65_535
UNIT = 512.0  # a RootSIFT value of 1; values above a half, which hardly occur, are cut

Rows = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LocalFeatures:
    """The features of one picture, or of one region of it.

    Args:
        rows: uint8 [n,132]: x and y as little-endian uint16 in 1/65535 of the picture's longer side, then the
            descriptor of 128 numbers.
        aspect: width by height of the picture; None where only the rows are known.

    Raises:
        InvalidInput: the rows have another length.
    """

    rows: Rows
    aspect: float | None = None

    def __post_init__(self) -> None:
        if self.rows.ndim != 2 or self.rows.shape[1] != ROW or self.rows.dtype != np.uint8:
            raise InvalidInput(f"Local features are rows of {ROW} bytes, not {self.rows.dtype} {self.rows.shape}.")

    @classmethod
    def none(cls) -> LocalFeatures:
        """Of a picture without texture."""
        return cls(np.empty((0, ROW), dtype=np.uint8))

    @classmethod
    def from_bytes(cls, data: bytes) -> LocalFeatures:
        """What `to_bytes` wrote.

        Raises:
            InvalidInput: the bytes are no whole number of rows.
        """
        if len(data) % ROW:
            raise InvalidInput(f"{len(data)} bytes are no local features, which take {ROW} each.")
        return cls(np.frombuffer(data, dtype=np.uint8).reshape(-1, ROW))

    def to_bytes(self) -> bytes:
        """Return the rows one after the other."""
        return self.rows.tobytes()

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def points(self) -> Floats:
        """Return x and y, f32 [n,2], in 1/1000 of the picture's longer side."""
        places = np.ascontiguousarray(self.rows[:, :4]).view("<u2")
        return (places * (1000.0 / EXTENT)).astype(np.float32)

    @property
    def area(self) -> float:
        """Return the picture's area in the unit of `points`, squared.

        Without `aspect` the shorter side is as long as the features reach.
        """
        if self.aspect is not None:
            return 1e6 * min(self.aspect, 1.0 / self.aspect)
        return 1e3 * float(self.points.max(axis=0).min()) if len(self) else 1e6

    @cached_property
    def descriptors(self) -> Floats:
        """Return descriptors f32 [n,128] of unit length, compared by dot product."""
        return unit_descriptors(self.rows[:, 4:])


def unit_descriptors(stored: Rows) -> Floats:
    """Return stored descriptors uint8 [n,128] as f32 [n,128] of unit length."""
    values = stored.astype(np.float32)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.maximum(lengths, 1.0), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Patch:
    """A picture, or a part of one, small and grey: what local features are taken from.

    Args:
        grey: uint8 [h,w].
        aspect: width by height before it was scaled.
    """

    grey: Rows
    aspect: float

    @classmethod
    def of(cls, pixels: npt.NDArray[np.uint8], side: int = SIDE) -> Patch:
        """Scale a picture, uint8 [H,W,3] RGB, to a longer side of `side` pixels."""
        height, width = pixels.shape[:2]
        scale = side / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        small = cv2.resize(pixels, size, interpolation=interpolation)
        grey = cv2.cvtColor(np.ascontiguousarray(small), cv2.COLOR_RGB2GRAY)
        return cls(np.asarray(grey, dtype=np.uint8), width / height)

    @property
    def texture(self) -> int:
        """Return the number of strong corners (FAST, Rosten and Drummond 2006)."""
        return len(cv2.FastFeatureDetector.create(CORNER).detect(self.grey))

    def features(self, limit: int = LIMIT) -> LocalFeatures:
        """Return the strongest features, at most `limit`; see `extract`."""
        sift = cv2.SIFT.create(nfeatures=limit, contrastThreshold=CONTRAST)
        keypoints, found = sift.detectAndCompute(self.grey, np.full_like(self.grey, 255))
        if found is None or len(keypoints) < FEWEST:
            return LocalFeatures.none()
        strongest = np.argsort([-keypoint.response for keypoint in keypoints], kind="stable")[:limit]
        points = np.array([keypoint.pt for keypoint in keypoints], dtype=np.float64)[strongest]
        sums = np.maximum(found.sum(axis=1, keepdims=True), 1e-9)
        descriptors = np.clip(np.rint(UNIT * np.sqrt(found / sums)), 0, 255).astype(np.uint8)[strongest]
        places = np.clip(np.rint(points / max(self.grey.shape) * EXTENT), 0, EXTENT).astype("<u2")
        rows = np.concatenate([places.view(np.uint8).reshape(-1, 4), descriptors], axis=1)
        return LocalFeatures(rows, self.aspect)


def extract(pixels: npt.NDArray[np.uint8], side: int = SIDE, limit: int = LIMIT) -> LocalFeatures:
    """Return a picture's strongest features (RootSIFT, Arandjelovic & Zisserman 2012).

    The picture is scaled to `side` first, up as well as down: small pictures of a catalogue and large photos then
    have features of like size. SIFT itself uses twice that.

    Args:
        pixels: uint8 [H,W,3] RGB.
        side: longer side of the scaled picture, pixels.
        limit: at most so many features.

    Returns:
        Features, strongest first; none where there are fewer than `FEWEST`.
    """
    return Patch.of(pixels, side).features(limit)


def cut_patches(
    pixels: npt.NDArray[np.uint8], boxes: Sequence[npt.NDArray[np.float32]] | npt.NDArray[np.float32]
) -> list[Patch]:
    """Return the patches of parts of a picture.

    Args:
        pixels: uint8 [H,W,3] RGB.
        boxes: x1, y1, x2, y2 in these pixels.
    """
    height, width = pixels.shape[:2]
    found = []
    for box in boxes:
        left, top = min(max(int(box[0]), 0), width - 1), min(max(int(box[1]), 0), height - 1)
        right, bottom = min(max(round(float(box[2])), left + 1), width), min(max(round(float(box[3])), top + 1), height)
        found.append(Patch.of(pixels[top:bottom, left:right]))
    return found


def extract_regions(
    pixels: npt.NDArray[np.uint8], boxes: Sequence[npt.NDArray[np.float32]] | npt.NDArray[np.float32]
) -> list[LocalFeatures]:
    """Return the features of parts of a picture, each treated as a picture.

    Args:
        pixels: uint8 [H,W,3] RGB.
        boxes: x1, y1, x2, y2 in these pixels.
    """
    return [patch.features() for patch in cut_patches(pixels, boxes)]
