"""A table or shelf with several products on it, and the truth about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from whatsit.rendering.bodies import resize_rgba
from whatsit.rendering.camera import expose
from whatsit.rendering.canvas import Canvas, Pixels, mix
from whatsit.rendering.photo import blend, cast_shadow, tight_box
from whatsit.rendering.product import Product, draw
from whatsit.rendering.textures import clutter, gradient, room, shelf, speckle, wood

_MAX_COVERED = 0.2  # share of a product that things in front of it may hide


@dataclass(frozen=True)
class Scene:
    """A picture and what stands in it.

    Attributes:
        image: RGB uint8 [H, W, 3].
        boxes: float32 [N, 4], x1,y1,x2,y2 pixels of each product's visible part.
        product_ids: Ids of the N products, in the order of the boxes.
    """

    image: Pixels
    boxes: NDArray[np.float32]
    product_ids: tuple[str, ...]


def _ground(rng: np.random.Generator, width: int, height: int) -> Pixels:
    kind = rng.random()
    if kind < 0.55:
        return room(rng, width, height)
    if kind < 0.7:
        return cv2.GaussianBlur(shelf(rng, width, height), (0, 0), 4).astype(np.uint8, copy=False)
    return (wood, speckle, gradient)[rng.integers(3)](rng, width, height)


def _spots(rng: np.random.Generator, width: int, height: int, count: int) -> list[tuple[float, float, float]]:
    """Centre, foot line and height of each product: columns left to right, jittered, some nearer to the viewer."""
    columns = width / count
    spots = []
    for k in range(count):
        near = rng.random()
        foot = height * (0.72 + 0.24 * near)
        tall = height * rng.uniform(0.42, 0.6) * (0.85 + 0.3 * near)
        spots.append((columns * (k + 0.5) + rng.normal(0, 0.07) * columns, foot, tall))
    return spots


def _stand(product: Product, spot: tuple[float, float, float], width: int, room_wide: float, view: int) -> Pixels:
    cut = draw(product, 320, view)
    h, w = cut.shape[:2]
    scale = min(spot[2] / max(h, 0.75 * w), room_wide / w)
    size = (max(8, round(w * scale)), max(8, round(h * scale)))
    return resize_rgba(cut, size, cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def _neutral(rng: np.random.Generator, width: int, height: int, under: Pixels) -> Pixels:
    """Standing clutter that is no product: cylinders, balls, blocks in muted colours, behind the products."""
    canvas = Canvas(1, 1, (0, 0, 0))
    canvas.pixels = under
    for _ in range(int(rng.integers(1, 5))):
        grey = tuple(int(v) for v in rng.integers(50, 220) + rng.integers(-18, 19, 3))
        colour = (grey[0], grey[1], grey[2])
        x, foot, r = rng.uniform(0, width), height * rng.uniform(0.66, 0.8), width * rng.uniform(0.02, 0.07)
        tall = r * rng.uniform(1, 4)
        canvas.ellipse(x + r * 0.3, foot, r * 1.5, r * 0.3, mix(colour, (0, 0, 0), 0.6))
        if rng.random() < 0.5:
            canvas.rounded(x - r, foot - tall, x + r, foot, r * rng.uniform(0.05, 0.9), colour)
            canvas.rectangle(x - r * 0.7, foot - tall * 0.9, x - r * 0.4, foot - r * 0.3, mix(colour, (255, 255, 255), 0.3))
        else:
            canvas.ellipse(x, foot - r, r, r, colour)
            canvas.ellipse(x - r * 0.3, foot - r * 1.3, r * 0.3, r * 0.25, mix(colour, (255, 255, 255), 0.4))
    return under


def make_scene(
    products: Sequence[Product],
    rng: np.random.Generator,
    size: tuple[int, int] = (640, 480),
    count: int = 3,
    strength: float = 0.4,
) -> Scene:
    """Stand `count` different products up and photograph them.

    Args:
        products: What to choose from.
        rng: Source of randomness; the same state gives the same scene.
        size: (width, height) in pixels.
        count: How many products; fewer where `products` holds fewer.
        strength: 0..1, how poor light and camera are.

    Returns:
        The scene; no product is hidden by more than a fifth, and boxes bound what is visible.
    """
    width, height = size
    chosen = rng.permutation(len(products))[:count]
    image = _ground(rng, width, height)
    if rng.random() < 0.5:
        clutter(rng, image, int(rng.integers(1, 4)))
        image = cv2.GaussianBlur(image, (0, 0), 2.5).astype(np.uint8, copy=False)
    image = _neutral(rng, width, height, image)
    spots = _spots(rng, width, height, len(chosen))
    order = sorted(range(len(chosen)), key=lambda k: spots[k][1])
    masks: dict[int, NDArray[np.uint8]] = {}
    for k in order:
        cut = _stand(products[chosen[k]], spots[k], width, width / len(chosen) * 1.05, int(rng.integers(1, 1 << 20)))
        colour, alpha = _slide(cut, spots[k], size, masks)
        image = blend(cast_shadow(image, alpha, rng, rng.uniform(0.25, 0.6)), colour, alpha)
        for mask in masks.values():
            mask[alpha > 127] = 0
        masks[k] = alpha.copy()
    boxes = np.stack([tight_box(masks[k]) for k in range(len(chosen))]) if len(chosen) else np.zeros((0, 4), np.float32)
    ids = tuple(products[k].id for k in chosen)
    return Scene(expose(image, rng, strength), boxes.astype(np.float32), ids)


def _slide(
    cut: Pixels, spot: tuple[float, float, float], size: tuple[int, int], masks: dict[int, NDArray[np.uint8]]
) -> tuple[Pixels, NDArray[np.uint8]]:
    """Put a cut-out into the frame at its spot, moved sideways and shrunk until it hides little of the others."""
    width, height = size
    for attempt in range(14):
        shrink = 0.95 ** (attempt // 2)
        part = cut if attempt < 2 else resize_rgba(
            cut, (max(8, int(cut.shape[1] * shrink)), max(8, int(cut.shape[0] * shrink))), cv2.INTER_AREA
        )  # fmt: skip
        h, w = part.shape[:2]
        shift = (attempt % 2) * 0.03 * width
        x = int(np.clip(spot[0] - w / 2 + shift, 2, max(2, width - w - 2)))
        y = int(np.clip(spot[1] - h, 2, max(2, height - h - 2)))
        part = part[: height - y, : width - x]
        colour, alpha = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8)
        colour[y : y + h, x : x + w], alpha[y : y + h, x : x + w] = part[..., :3], part[..., 3]
        solid = alpha > 127
        if all(np.count_nonzero(solid & (m > 127)) <= _MAX_COVERED * 0.5 * max(1, np.count_nonzero(m > 127)) for m in masks.values()):
            break
    return colour, alpha
