"""Drawn products pasted into photos: exact boxes among real clutter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged

from whatsit.training.detector.mosaic import Sample
from whatsit.vision.boxes import area

_MOST_COVERED = 0.6


@dataclass(frozen=True)
class Cutout:
    """A product without surroundings.

    Args:
        path: of a PNG with alpha, cut tightly.
        label: product label.
    """

    path: Path
    label: int

    def rgba(self) -> npt.NDArray[np.uint8]:
        """Read the picture as RGBA uint8 [H, W, 4].

        Raises:
            Damaged: no PNG with alpha.
        """
        bgra = cv2.imread(str(self.path), cv2.IMREAD_UNCHANGED)
        if bgra is None or bgra.ndim != 3 or bgra.shape[2] != 4:
            raise Damaged(f"The cut-out {self.path} is no picture with alpha: delete its folder and train again.")
        return np.asarray(cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGBA), dtype=np.uint8)


def paste(sample: Sample, cutouts: Sequence[Cutout], rng: np.random.Generator, most: int = 5) -> Sample:
    """Paste 1 to `most` rotated products, from a 20th to half of the canvas.

    What they cover by more than 60 % is no longer learnt but doubtful.
    """
    for _ in range(int(rng.integers(1, most + 1))):
        cutout = cutouts[int(rng.integers(len(cutouts)))]
        side = len(sample.pixels) * float(np.exp(rng.uniform(np.log(0.06), np.log(0.5))))
        patch = _turned(cutout.rgba(), side, rng)
        sample = _drawn(sample, patch, cutout.label, rng)
    return sample


def _turned(rgba: npt.NDArray[np.uint8], side: float, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Rotate and shear a cut-out, scale it to `side` pixels, crop it to its alpha."""
    height, width = rgba.shape[:2]
    angle, shear = np.deg2rad(rng.normal(0, 10)), rng.normal(0, 0.06)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.array([[1, shear], [0, 1]])
    turn *= side / max(height, width)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) @ turn.T
    low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
    matrix = np.concatenate([turn, -low[:, None]], axis=1)
    target = (max(2, int(high[0] - low[0])), max(2, int(high[1] - low[1])))
    shrunk = cv2.warpAffine(np.asarray(rgba), matrix, target, flags=cv2.INTER_AREA if side < 64 else cv2.INTER_LINEAR)
    shrunk[..., 3] = cv2.warpAffine(rgba[..., 3], matrix, target, flags=cv2.INTER_LINEAR)
    solid = shrunk[..., 3] > 127
    if not solid.any():
        return np.asarray(shrunk, dtype=np.uint8)
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    return np.asarray(shrunk[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], dtype=np.uint8)


def _drawn(sample: Sample, patch: npt.NDArray[np.uint8], label: int, rng: np.random.Generator) -> Sample:
    size = len(sample.pixels)
    height, width = min(patch.shape[0], size), min(patch.shape[1], size)
    patch = patch[:height, :width]
    x, y = int(rng.integers(0, size - width + 1)), int(rng.integers(0, size - height + 1))
    alpha = patch[..., 3:].astype(np.float32) / 255
    light = float(rng.uniform(0.7, 1.1))
    view = sample.pixels[y : y + height, x : x + width]
    view[:] = (view * (1 - alpha) + np.clip(patch[..., :3] * light, 0, 255) * alpha).astype(np.uint8)
    box = np.array([[x, y, x + width, y + height]], dtype=np.float32)
    kept = _covered(sample.boxes, box[0]) <= _MOST_COVERED
    return replace(
        sample,
        boxes=np.concatenate([sample.boxes[kept], box]),
        labels=np.append(sample.labels[kept], label),
        doubtful=np.concatenate([sample.doubtful, sample.boxes[~kept]]),
        weights=np.append(sample.box_weights()[kept], np.float32(1)),
    )


def _covered(boxes: npt.NDArray[np.float32], cover: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the share of each box that `cover` hides."""
    low, high = np.maximum(boxes[:, :2], cover[:2]), np.minimum(boxes[:, 2:], cover[2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    return np.asarray(shared / np.maximum(area(boxes), 1e-6), dtype=np.float32)
