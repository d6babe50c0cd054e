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
    top: int = 400,
    min_product: float = 0.3,
    window: int = 1,
) -> CenterBoxes:
    """Return the boxes of the surest cells of the centre heat map, before NMS.

    With a window of 3 only peaks count, as in CenterNet: cells that no neighbour exceeds (a 3x3 max-pool). A thing
    whose middle lies beside that of a smaller one is then lost; with a window of 1 NMS alone thins the boxes.

    Args:
        heat: [24, h, w], scores 0..1 of "a thing's centre" and the product classes.
        size: [2, h, w], width and height in pixels.
        offset: [2, h, w], from a cell's corner to the centre, in cells.
        stride: pixels per cell.
        min_score: of a cell.
        top: most cells.
        min_product: least score of a product class.
        window: side of the max-pool in cells, odd.
    """
    there = heat[0]
    padded = np.pad(there, window // 2, constant_values=-np.inf)
    height, width = there.shape
    shifts = [(y, x) for y in range(window) for x in range(window)]
    around = np.stack([padded[y : y + height, x : x + width] for y, x in shifts]).max(axis=0)
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
