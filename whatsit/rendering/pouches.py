"""Bags and pouches: printed film lit as a bulging, wrinkled surface."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from whatsit.rendering import artwork
from whatsit.rendering.canvas import Pixels, stack_alpha
from whatsit.rendering.canvas import light as lit_up
from whatsit.rendering.design import Design
from whatsit.rendering.pose import Pose, tilt_flat


def wrinkles(rng: np.random.Generator, height: int, width: int, cells: int, strength: float) -> NDArray[np.float32]:
    """Return a smooth random height field, float32 [height, width]."""
    coarse = rng.normal(0, strength / 2, (cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def relief(colour: Pixels, heights: NDArray[np.float32], light: float, gloss: float) -> Pixels:
    """Shade a flat picture by the normals of a height field.

    Args:
        colour: uint8 [h, w, 3].
        heights: float32 [h, w] in pixels.
        light: Where the light comes from, -1 left to 1 right.
        gloss: Strength of highlights, 0..1.

    Returns:
        uint8 [h, w, 3].
    """
    dx, dy = cv2.Sobel(heights, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(heights, cv2.CV_32F, 0, 1, scale=0.125)
    facing = 1.0 / np.sqrt(1.0 + dx * dx + dy * dy)
    lit = (-dx * 0.5 * light * 1.2 - dy * -0.45 + 0.75) * facing
    shade = 0.34 + 0.85 * np.clip(lit, 0, 1.2)
    shine = gloss * np.clip((lit - 0.8) * 4.0, 0, 1)
    return lit_up(colour, np.asarray(shade * (1 - shine), np.float32), np.asarray(255 * shine, np.float32))


def _film(design: Design, width: int, height: int, salt: int, pose: Pose, seams: float, bulge: float) -> Pixels:
    rng = design.rng(salt)
    art = artwork.front(design, width, height).pixels
    y, x = np.linspace(-1, 1, height, dtype=np.float32)[:, None], np.linspace(-1, 1, width, dtype=np.float32)[None]
    pillow = (1 - x**4) * (1 - np.abs(y) ** 5)
    heights = pillow * np.float32(width * bulge)
    heights += wrinkles(rng, height, width, 7, width * 0.02) + wrinkles(rng, height, width, 16, width * 0.007)
    heights = np.asarray(heights, np.float32)
    pull = wrinkles(rng, height, width, 5, width * 0.012)
    grid_x = (x * 0.5 + 0.5) * (width - 1) + pull
    grid_y = (y * 0.5 + 0.5) * (height - 1) + wrinkles(rng, height, width, 5, width * 0.012)
    art = cv2.remap(art, grid_x, grid_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
    lit = relief(art, heights, pose.light, 0.55)
    seam = int(height * seams)
    for rows in (slice(0, seam), slice(height - seam, height)):
        strip = lit[rows].astype(np.float32) * 0.92
        strip[:, ::4] *= 0.82
        strip[:, 1::4] = np.minimum(strip[:, 1::4] * 1.12, 255)
        lit[rows] = strip.astype(np.uint8)
    return lit


def bag(design: Design, size: int, pose: Pose) -> Pixels:
    """Draw a pillow bag with crimped seams at the top and bottom."""
    rng = design.rng(71)
    height = size
    width = int(size * rng.uniform(0.66, 0.8))
    lit = _film(design, width, height, 72, pose, 0.05, 0.16)
    y = np.linspace(0, 1, 40)
    waist = width * (0.02 + 0.035 * np.abs(np.sin(np.pi * y)) ** 0.5 * rng.uniform(0.5, 1.0))
    jag = np.where(np.arange(41) % 2, 0.0, height * 0.012)
    across = np.linspace(waist[0], width - waist[0], 41)
    top = np.stack([across, jag], 1)
    right = np.stack([width - waist, y * height], 1)[1:-1]
    bottom = np.stack([across[::-1], height - 1 - jag], 1)
    left = np.stack([waist, y * height], 1)[1:-1][::-1]
    alpha = np.zeros((height, width), np.uint8)
    outline = np.concatenate([top, right, bottom, left])
    cv2.fillPoly(alpha, [np.round(outline * 8).astype(np.int32)], (255,), cv2.LINE_AA, 3)
    return tilt_flat(stack_alpha(lit, alpha), pose)


def pouch(design: Design, size: int, pose: Pose) -> Pixels:
    """Draw a stand-up pouch: wider and rounded at the foot, sealed at the top."""
    rng = design.rng(73)
    height = size
    width = int(size * rng.uniform(0.58, 0.7))
    lit = _film(design, width, height, 74, pose, 0.045, 0.12)
    inset = width * rng.uniform(0.02, 0.07)
    t = np.linspace(0, np.pi / 2, 8)
    r = width * 0.12
    foot_right = np.stack([width - r + r * np.cos(t), height * 0.97 - r + r * np.sin(t)], 1)
    foot_left = np.stack([r - r * np.sin(t), height * 0.97 - r + r * np.cos(t)], 1)
    sag = np.stack([np.linspace(width - r, r, 9), height * 0.97 + height * 0.028 * np.sin(np.linspace(0, np.pi, 9))], 1)
    outline = np.concatenate([[(inset, 0), (width - inset, 0)], foot_right, sag, foot_left])
    alpha = np.zeros((height, width), np.uint8)
    cv2.fillPoly(alpha, [np.round(outline * 8).astype(np.int32)], (255,), cv2.LINE_AA, 3)
    return tilt_flat(stack_alpha(lit, alpha), pose)
