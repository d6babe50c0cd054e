"""Scenes of several products on a table or shelf, with ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from whatsit.rendering.bodies import resize_rgba
from whatsit.rendering.camera import expose
from whatsit.rendering.canvas import Canvas, Pixels, light, mix
from whatsit.rendering.photo import blend, tight_box
from whatsit.rendering.product import Product, draw
from whatsit.rendering.textures import gradient, room, shelf, speckle, wood

_MAX_COVERED = 0.2  # share of a product that those in front of it may hide
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


@dataclass(frozen=True)
class Scene:
    """A picture and the boxes of its products.

    Attributes:
        image: RGB uint8 [H, W, 3].
        boxes: float32 [N, 4], x1,y1,x2,y2 pixels of each product's visible part.
        product_ids: Ids of the N products, in the order of the boxes.
    """

    image: Pixels
    boxes: NDArray[np.float32]
    product_ids: tuple[str, ...]


@dataclass(frozen=True)
class _Spot:
    """A position in a scene: centre, base line, height and width in pixels."""

    middle: float
    foot: float
    tall: float
    wide: float


def _ground(rng: np.random.Generator, width: int, height: int) -> Pixels:
    kind, small = rng.random(), (width // 2, height // 2)
    if kind < 0.6:
        image = room(rng, *small)
    elif kind < 0.75:
        image = cv2.GaussianBlur(shelf(rng, *small), (0, 0), 2).astype(np.uint8, copy=False)
    else:
        image = (wood, speckle, gradient)[rng.integers(3)](rng, *small)
    return cv2.resize(image, (width, height)).astype(np.uint8, copy=False)


def _spots(rng: np.random.Generator, width: int, height: int, count: int) -> list[_Spot]:
    """Return jittered columns from left to right, some nearer to the viewer."""
    column = width / count
    spots = []
    for k in range(count):
        near = rng.random()
        tall = height * rng.uniform(0.42, 0.6) * (0.85 + 0.3 * near)
        middle = column * (k + 0.5) + rng.normal(0, 0.07) * column
        spots.append(_Spot(middle, height * (0.72 + 0.24 * near), tall, min(1.3 * column, 0.9 * width)))
    return spots


def _neutral(rng: np.random.Generator, image: Pixels) -> None:
    """Paint distractors (balls, blocks, vases) into the background."""
    canvas = Canvas(1, 1, _BLACK)
    canvas.pixels = image
    width, height = canvas.width, canvas.height
    for _ in range(int(rng.integers(0, 5))):
        red, green, blue = (int(v) for v in rng.integers(50, 220) + rng.integers(-18, 19, 3))
        colour = (red, green, blue)
        x, foot, r = rng.uniform(0, width), height * rng.uniform(0.66, 0.8), width * rng.uniform(0.02, 0.06)
        tall = r * rng.uniform(1.2, 4)
        canvas.ellipse(x + r * 0.2, foot, r * 1.3, r * 0.25, mix(colour, _BLACK, 0.6))
        if rng.random() < 0.6:
            canvas.rounded(x - r, foot - tall, x + r, foot, r * rng.uniform(0.05, 0.9), colour)
            canvas.rectangle(x + r * 0.35, foot - tall * 0.9, x + r * 0.9, foot - r * 0.2, mix(colour, _BLACK, 0.2))
            canvas.rectangle(x - r * 0.7, foot - tall * 0.9, x - r * 0.45, foot - r * 0.3, mix(colour, _WHITE, 0.3))
        else:
            canvas.ellipse(x, foot - r, r, r, mix(colour, _BLACK, 0.2))
            canvas.ellipse(x - r * 0.08, foot - r * 1.08, r * 0.9, r * 0.9, colour)
            canvas.ellipse(x - r * 0.35, foot - r * 1.4, r * 0.28, r * 0.22, mix(colour, _WHITE, 0.5))


def _fits(alpha: NDArray[np.uint8], masks: list[NDArray[np.uint8]], areas: list[int]) -> bool:
    solid = alpha > 127
    return all(
        np.count_nonzero((mask > 127) & ~solid) >= (1 - _MAX_COVERED) * area
        for mask, area in zip(masks, areas, strict=True)
    )


def _stand(
    cut: Pixels, spot: _Spot, size: tuple[int, int], masks: list[NDArray[np.uint8]], areas: list[int]
) -> tuple[Pixels, NDArray[np.uint8]]:
    """Place a cut-out so that those behind stay visible; return colour and alpha."""
    width, height = size
    h, w = cut.shape[:2]
    scale = min(spot.tall / max(h, 0.75 * w), spot.wide / w)
    for _ in range(12):
        part_size = (max(8, round(w * scale)), max(8, round(h * scale)))
        part = resize_rgba(cut, part_size, cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        x = int(np.clip(spot.middle - part_size[0] / 2, 2, max(2, width - part_size[0] - 2)))
        y = int(np.clip(spot.foot - part_size[1], 2, max(2, height - part_size[1] - 2)))
        part = part[: height - y, : width - x]
        alpha = np.zeros((height, width), np.uint8)
        alpha[y : y + part.shape[0], x : x + part.shape[1]] = part[..., 3]
        if _fits(alpha, masks, areas):
            break
        scale *= 0.92
    colour = np.zeros((height, width, 3), np.uint8)
    colour[y : y + part.shape[0], x : x + part.shape[1]] = part[..., :3]
    return colour, alpha


def _ground_shadow(image: Pixels, alpha: NDArray[np.uint8], rng: np.random.Generator) -> Pixels:
    """Draw a contact line and a soft shadow to one side."""
    h, w = alpha.shape[0] // 4, alpha.shape[1] // 4
    x1, _, x2, y2 = tight_box(alpha) / 4
    dark = np.zeros((h, w), np.float32)
    lean, half = rng.uniform(-0.35, 0.35) * (x2 - x1), (x2 - x1) / 2
    middle = ((x1 + x2) / 2, y2 - 1)
    wide = (int(half * 1.15) + 1, int(half * 0.28) + 1)
    cv2.ellipse(dark, (int(middle[0] + lean), int(middle[1])), wide, 0, 0, 360, (0.75,), -1)
    dark = cv2.GaussianBlur(dark, (0, 0), 0.12 * half + 1).astype(np.float32)
    contact = np.zeros((h, w), np.float32)
    cv2.ellipse(contact, (int(middle[0]), int(middle[1])), (int(half) + 1, int(half * 0.1) + 1), 0, 0, 360, (1.0,), -1)
    dark = np.maximum(dark, cv2.GaussianBlur(contact, (0, 0), 1.2))
    gain = 1 - np.float32(rng.uniform(0.35, 0.65)) * dark
    return light(image, cv2.resize(gain, (image.shape[1], image.shape[0])).astype(np.float32, copy=False))


def make_scene(
    products: Sequence[Product],
    rng: np.random.Generator,
    size: tuple[int, int] = (640, 480),
    count: int = 3,
    strength: float = 0.4,
) -> Scene:
    """Render a photograph of `count` different products.

    Args:
        products: What to choose from.
        rng: Source of randomness; the same state gives the same scene.
        size: (width, height) in pixels.
        count: How many products; fewer where `products` holds fewer.
        strength: 0..1, how poor light and camera are.

    Returns:
        The scene; no product is hidden by more than about a fifth, and boxes bound what is visible.
    """
    width, height = size
    chosen = rng.permutation(len(products))[:count]
    image = _ground(rng, width, height)
    _neutral(rng, image)
    if rng.random() < 0.7:  # the camera focuses on the products
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 3.0)).astype(np.uint8, copy=False)
    spots = _spots(rng, width, height, len(chosen))
    order = sorted(range(len(chosen)), key=lambda k: spots[k].foot)
    masks: list[NDArray[np.uint8]] = []
    areas: list[int] = []
    for k in order:
        cut = draw(products[chosen[k]], max(96, round(spots[k].tall)), int(rng.integers(1, 1 << 20)))
        colour, alpha = _stand(cut, spots[k], size, masks, areas)
        image = blend(_ground_shadow(image, alpha, rng), colour, alpha)
        for mask in masks:
            mask[alpha > 127] = 0
        masks.append(alpha.copy())
        areas.append(int(np.count_nonzero(alpha > 127)))
    boxes = np.zeros((len(chosen), 4), np.float32)
    for k, mask in zip(order, masks, strict=True):
        boxes[k] = tight_box(mask)
    return Scene(expose(image, rng, strength), boxes, tuple(products[k].id for k in chosen))
