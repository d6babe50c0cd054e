"""Targets of the scan network: Gaussian centres, and what each cell learns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whatsit.models.centernet_blocks import LEAST_SPREAD, SPREAD
from whatsit.models.product_labels import NO_PRODUCT, UNKNOWN
from whatsit.training.detector.mosaic import Sample
from whatsit.vision.boxes import FloatArray, area

_CORE = 0.4
_SILENT = -2


@dataclass(frozen=True)
class CenterTargets:
    """What the maps of one picture learn; h and w in cells.

    Args:
        heat: float32 [h, w], Gaussians of the centres, 1 at the cell of a centre.
        learns: float32 [h, w], 0 around the centres of doubtful boxes: neither centre nor background.
        boxes: float32 [4, h, w], corners in cells of the box that a cell describes.
        weight: float32 [h, w], of that box's loss; each box's weights add up to 1.
        product: int64 [h, w], label of the box whose core holds the cell; -2 where the classes learn nothing.
    """

    heat: FloatArray
    learns: FloatArray
    boxes: FloatArray
    weight: FloatArray
    product: npt.NDArray[np.int64]


def center_targets(sample: Sample, stride: int) -> CenterTargets:
    """Draw the targets of a sample; smaller boxes lie on top of larger ones.

    As in TTFNet (Liu et al., 2020), every cell of a Gaussian describes its box, not the central one alone: a short
    training then sees ten times as many boxes.
    """
    side = len(sample.pixels) // stride
    cells = np.arange(side, dtype=np.float32) + 0.5
    heat, weight = np.zeros((2, side, side), dtype=np.float32)
    learns = np.ones((side, side), dtype=np.float32)
    boxes = np.zeros((4, side, side), dtype=np.float32)
    product = np.full((side, side), _SILENT, dtype=np.int64)
    for corners in sample.doubtful / stride:
        learns[_gaussian(corners, cells, side) > 0.1] = 0.0
    scaled = np.asarray(sample.boxes / np.float32(stride), dtype=np.float32)
    for row in np.argsort(-area(scaled), kind="stable"):
        spread = _gaussian(scaled[row], cells, side)
        heat = np.maximum(heat, spread)
        inside = spread > 0.1
        boxes[:, inside] = scaled[row][:, None]
        weight[inside] = (spread / max(float(spread[inside].sum()), 1e-6))[inside]
        learns[spread > _CORE] = 1.0
        label = int(sample.labels[row])
        product[spread > _CORE] = _SILENT if label == UNKNOWN else max(label, NO_PRODUCT)
    return CenterTargets(heat, learns, boxes, weight, product)


def _gaussian(corners: FloatArray, cells: FloatArray, side: int) -> FloatArray:
    """Return a Gaussian around a box's middle, 1 at the middle's cell, f32 [h, w]."""
    parts = []
    for low, high in ((corners[1], corners[3]), (corners[0], corners[2])):
        middle = min(max(int((low + high) / 2), 0), side - 1) + 0.5
        sigma = max(float(high - low) * SPREAD, LEAST_SPREAD)
        parts.append(np.exp(-((cells - middle) ** 2) / (2 * sigma**2)))
    return np.asarray(parts[0][:, None] * parts[1][None, :], dtype=np.float32)
