"""Simulated people who crop: noisy boxes around known things, with known attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from whatsit.vision.boxes import FloatArray, area

STRAY = -1
"""Thing of a crop that is of none: a slip, a part of one, several at once."""
_SMALLEST = 8.0


@dataclass(frozen=True)
class Habits:
    """How people crop.

    Args:
        shift: standard deviation of a crop's middle, as a share of the thing's sides.
        scale: standard deviation of the logarithm of each side.
        loose: median factor by which a crop is larger than the thing.
        stray: share of crops that are anywhere.
        several: share of crops that hold the thing and its nearest neighbour.
        part: share of crops that hold a part of it.
        attention: power of the thing's share of the picture, by which people choose things; 0 for all alike.
        taste: standard deviation of the logarithm of a thing's attention beside that.
    """

    shift: float = 0.10
    scale: float = 0.20
    loose: float = 1.10
    stray: float = 0.10
    several: float = 0.05
    part: float = 0.05
    attention: float = 0.5
    taste: float = 0.5


@dataclass(frozen=True)
class Crops:
    """What people cropped in one picture.

    Args:
        boxes: float32 [N, 4], pixels.
        things: int64 [N], the thing that each is meant for, or `STRAY`.
    """

    boxes: FloatArray
    things: npt.NDArray[np.int64]


def attention(boxes: FloatArray, size: tuple[int, int], habits: Habits, rng: np.random.Generator) -> FloatArray:
    """Return the share of the crops that each thing of a picture gets, float32 [G]."""
    share = area(boxes) / (size[0] * size[1])
    weight = share**habits.attention * np.exp(rng.normal(0, habits.taste, len(boxes)) * (habits.attention > 0))
    return np.asarray(weight / weight.sum(), dtype=np.float32)


def crop_each(
    boxes: FloatArray, size: tuple[int, int], count: int, rng: np.random.Generator, habits: Habits = Habits()
) -> Crops:
    """Let people crop each thing of a picture `count` times, and astray in between."""
    return _crops(np.repeat(np.arange(len(boxes)), count), boxes, size, rng, habits)


def crop_picture(
    boxes: FloatArray, size: tuple[int, int], mean: float, rng: np.random.Generator, habits: Habits = Habits()
) -> Crops:
    """Let people crop a picture `mean` times a thing on average, each thing by its attention."""
    if not len(boxes):
        return Crops(np.zeros((0, 4), dtype=np.float32), np.zeros(0, dtype=np.int64))
    things = rng.choice(len(boxes), size=round(mean * len(boxes)), p=_shares(boxes, size, habits, rng))
    return _crops(things, boxes, size, rng, habits)


def _shares(
    boxes: FloatArray, size: tuple[int, int], habits: Habits, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    shares = attention(boxes, size, habits, rng).astype(np.float64)
    return np.asarray(shares / shares.sum())


def _crops(
    things: npt.NDArray[np.int64], boxes: FloatArray, size: tuple[int, int], rng: np.random.Generator, habits: Habits
) -> Crops:
    found: list[npt.NDArray[Any]] = []
    meant: list[int] = []
    for thing in rng.permutation(things):
        kind = rng.random()
        if kind < habits.stray:
            corners = np.sort(rng.uniform(0, size, (2, 2)), axis=0).reshape(4)
        elif kind < habits.stray + habits.several and len(boxes) > 1:
            corners = _noisy(_with_neighbour(boxes, int(thing)), rng, habits)
        elif kind < habits.stray + habits.several + habits.part:
            corners = _noisy(_part(boxes[thing], rng), rng, habits)
        else:
            corners = _noisy(boxes[thing], rng, habits)
            meant.append(int(thing))
        meant += [STRAY] * (len(found) + 1 - len(meant))
        found.append(_inside(corners, size))
    boxes_found = np.array(found, dtype=np.float32).reshape(-1, 4)
    return Crops(boxes_found, np.array(meant, dtype=np.int64))


def _noisy(box: FloatArray, rng: np.random.Generator, habits: Habits) -> FloatArray:
    sides = box[2:] - box[:2]
    middle = (box[:2] + box[2:]) / 2 + rng.normal(0, habits.shift, 2) * sides
    half = sides * habits.loose * np.exp(rng.normal(0, habits.scale, 2)) / 2
    return np.concatenate([middle - half, middle + half])


def _part(box: FloatArray, rng: np.random.Generator) -> FloatArray:
    sides = (box[2:] - box[:2]) * rng.uniform(0.3, 0.6, 2)
    low = box[:2] + rng.uniform(0, 1, 2) * (box[2:] - box[:2] - sides)
    return np.concatenate([low, low + sides])


def _with_neighbour(boxes: FloatArray, thing: int) -> FloatArray:
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    distance = np.linalg.norm(middles - middles[thing], axis=1)
    distance[thing] = np.inf
    other = boxes[int(distance.argmin())]
    return np.concatenate([np.minimum(boxes[thing, :2], other[:2]), np.maximum(boxes[thing, 2:], other[2:])])


def _inside(corners: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Clip to the picture; a crop is at least 8 pixels wide and high."""
    limit = np.array(size, dtype=np.float64)
    low = np.clip(corners[:2], 0, np.maximum(limit - _SMALLEST, 0))
    high = np.minimum(np.maximum(corners[2:], low + _SMALLEST), limit)
    return np.concatenate([low, high])
