"""Boxes from the maps of the scan network, as its clients compute them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class CenterBoxes(NamedTuple):
    """Things of one picture, best first.

    Args:
        boxes: float32 [N, 4], x1, y1, x2, y2 in canvas pixels.
        scores: float32 [N], 0..1.
        labels: int64 [N], the best product class, 0 where none is sure.
    """

    boxes: Floats
    scores: Floats
    labels: npt.NDArray[np.int64]


def center_boxes(
    heat: Floats,
    size: Floats,
    offset: Floats,
    stride: int = 8,
    *,
    min_score: float = 0.3,
    top: int = 50,
    min_product: float = 0.3,
) -> CenterBoxes:
    """Return the boxes at the peaks of the centre heat map, before NMS.

    A peak is a cell that no neighbour exceeds (a 3x3 max-pool).

    Args:
        heat: [24, h, w], scores 0..1 of "a thing's centre" and the product classes.
        size: [2, h, w], width and height in pixels.
        offset: [2, h, w], from a cell's corner to the centre, in cells.
        stride: pixels per cell.
        min_score: of a peak.
        top: most peaks.
        min_product: least score of a product class.
    """
    there = heat[0]
    padded = np.pad(there, 1, constant_values=-np.inf)
    height, width = there.shape
    around = np.stack([padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]).max(axis=0)
    cells = np.flatnonzero((there == around) & (there >= min_score))
    order = np.argsort(-there.reshape(-1)[cells], kind="stable")[:top]
    cells = cells[order]
    y, x = np.divmod(cells, width)
    centre = (np.stack([x, y], axis=1) + offset[:, y, x].T) * stride
    half = size[:, y, x].T / 2
    products = heat[1:, y, x]
    labels = np.where(products.max(axis=0, initial=0) >= min_product, products.argmax(axis=0) + 1, 0)
    boxes = np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)
    return CenterBoxes(boxes, there[y, x], labels.astype(np.int64))
