"""From the maps of the scan network (CenterNet, Zhou et al. 2019) to boxes."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from whatsit_client.errors import Damaged

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Contract:
    """What `scan.json` says of a network.

    Args:
        side: longer side of a frame on the canvas, pixels.
        multiple: both sides of the canvas are multiples of it.
        stride: pixels of the canvas per cell.
        padding: grey value around the frame.
        min_score: cells below are no things.
        window: only cells that are the highest of window x window cells count, odd; 1 for every cell.
        top: the most cells that are looked at.
        iou: overlap above which the weaker of two boxes is dropped.
        boxes: the most boxes that are returned.
        min_product: a product class below that score is none.
        labels: names, the class-free one first.
    """

    side: int = 320
    multiple: int = 32
    stride: int = 8
    padding: int = 114
    min_score: float = 0.3
    window: int = 3
    top: int = 50
    iou: float = 0.5
    boxes: int = 20
    min_product: float = 0.3
    labels: tuple[str, ...] = ("object",)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Contract:
        """Build a contract from the JSON object of `scan.json`; unknown keys are ignored.

        Raises:
            Damaged: it is of another format.
        """
        if record.get("format") != 1:
            raise Damaged(f"The scan network's scan.json has format {record.get('format')}: update whatsit-client.")
        known = {name: record[name] for name in cls.__dataclass_fields__ if name in record}
        return cls(**{**known, "labels": tuple(record.get("labels", ("object",)))})


@dataclass(frozen=True)
class Detections:
    """Things in one frame, best first.

    Args:
        boxes: f32 [N,4], x1, y1, x2, y2 in pixels of the frame.
        scores: f32 [N], 0..1.
        labels: int32 [N], index into the labels; 0 for a thing of no known class.
    """

    boxes: Floats = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    scores: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    labels: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))

    def __len__(self) -> int:
        return len(self.boxes)


def decode_centers(
    heat: Floats, size: Floats, offset: Floats, contract: Contract, scale: float, frame: tuple[int, int]
) -> Detections:
    """Return the boxes of one frame.

    Args:
        heat: f32 [C,h,w], 0..1; channel 0 class-free, the others products.
        size: f32 [2,h,w], width and height in pixels of the canvas.
        offset: f32 [2,h,w], from a cell's upper left corner to the centre, in cells.
        contract: the network's.
        scale: of the letterbox.
        frame: width and height in pixels.
    """
    width = heat.shape[2]
    highest = _highest_around(heat[0], contract.window)
    peaks = np.flatnonzero((heat[0] == highest) & (heat[0] >= np.float32(contract.min_score)))
    scores = heat[0].ravel()[peaks]
    order = np.argsort(-scores, kind="stable")[: contract.top]
    peaks, scores = peaks[order], scores[order]
    cells = np.stack([peaks % width, peaks // width]).astype(np.float32)
    centre = (cells + offset.reshape(2, -1)[:, peaks]) * np.float32(contract.stride)
    half = size.reshape(2, -1)[:, peaks] / 2
    boxes = np.concatenate([centre - half, centre + half]).T.astype(np.float32)
    kept = suppress(boxes, contract.iou, contract.boxes)
    products = heat[1:].reshape(len(heat) - 1, -1)[:, peaks[kept]]
    labels = np.zeros(len(kept), np.int32)
    if len(products) and len(kept):
        labels = np.where(products.max(0) >= np.float32(contract.min_product), products.argmax(0) + 1, 0)
    limit = np.array([frame[0], frame[1], frame[0], frame[1]], np.float32)
    return Detections(
        np.clip(boxes[kept] / np.float32(scale), 0, limit).astype(np.float32), scores[kept], labels.astype(np.int32)
    )


def _highest_around(plane: Floats, window: int) -> Floats:
    """Return the highest value of the window x window cells around each cell."""
    framed, (height, width) = np.pad(plane, window // 2, constant_values=-np.inf), plane.shape
    rows = functools.reduce(np.maximum, (framed[y : y + height] for y in range(window)))
    return functools.reduce(np.maximum, (rows[:, x : x + width] for x in range(window)))


def overlaps(box: Floats, boxes: Floats) -> Floats:
    """Return the intersection over union of one box [4] with others [N,4]."""
    sides = np.clip(np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]), 0, None)
    shared = sides[:, 0] * sides[:, 1]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    union = areas + (box[2] - box[0]) * (box[3] - box[1]) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def suppress(boxes: Floats, iou: float, most: int | None = None) -> list[int]:
    """Return the indices that greedy non-maximum suppression keeps.

    Boxes are f32 [N,4], the best first; at most `most` are kept.
    """
    kept: list[int] = []
    for index in range(len(boxes)):
        if most is not None and len(kept) >= most:
            break
        if not kept or not (overlaps(boxes[index], boxes[kept]) > iou).any():
            kept.append(index)
    return kept
