"""Synthetic phone photographs of products and catalogue pictures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from whatsit.rendering.camera import expose
from whatsit.rendering.canvas import Pixels, light, stack_alpha
from whatsit.rendering.textures import background as draw_background
from whatsit.rendering.textures import clutter


def cut_out(rgb: Pixels) -> Pixels:
    """Return a catalogue picture with alpha; a nearly white border is transparent.

    Args:
        rgb: uint8 [H, W, 3].

    Returns:
        RGBA uint8, cropped to what is left.
    """
    h, w = rgb.shape[:2]
    white: Pixels = (rgb.min(2) > 236).astype(np.uint8)
    border = np.concatenate([white[0], white[-1], white[:, 0], white[:, -1]])
    alpha = np.full((h, w), 255, np.uint8)
    if border.mean() > 0.6:
        framed = cv2.copyMakeBorder(white, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(1,))
        cv2.floodFill(framed, np.zeros((h + 4, w + 4), np.uint8), (0, 0), (2,))
        alpha[framed[1:-1, 1:-1] == 2] = 0
        if (alpha > 0).mean() < 0.03:
            alpha[:] = 255
        else:
            alpha = cv2.GaussianBlur(cv2.erode(alpha, np.ones((3, 3), np.uint8)), (0, 0), 0.7).astype(np.uint8)
    rows, columns = np.flatnonzero(alpha.max(1)), np.flatnonzero(alpha.max(0))
    tight = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return stack_alpha(np.ascontiguousarray(rgb[tight]), np.ascontiguousarray(alpha[tight]))


def place(
    rgba: Pixels, rng: np.random.Generator, size: tuple[int, int], share: float, strength: float
) -> tuple[Pixels, NDArray[np.uint8]]:
    """Warp a cut-out into a frame: scale, shift, lean, perspective.

    Args:
        rgba: uint8 [h, w, 4].
        rng: Source of randomness.
        size: Frame (width, height) in pixels.
        share: Share of the frame that the longer relative side takes.
        strength: 0..1, how much lean and perspective.

    Returns:
        Colour uint8 [H, W, 3] and alpha uint8 [H, W] in the frame.
    """
    width, height = size
    h, w = rgba.shape[:2]
    scale = share * min(width / w, height / h)
    half = np.array([w, h]) * scale / 2
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64) * half
    corners *= 1 + rng.uniform(-0.12, 0.12, (4, 2)) * strength
    angle = np.deg2rad(rng.normal(0, 9) * strength)
    corners = corners @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    low, high = corners.min(0), corners.max(0)
    spare = np.maximum(0, np.array([width, height]) - (high - low))
    middle = np.array([width, height]) / 2 - (high + low) / 2
    corners += middle + rng.uniform(-0.5, 0.5, 2) * spare * min(1.0, 0.3 + strength)
    if scale < 0.6:
        small = (max(1, round(w * scale * 1.3)), max(1, round(h * scale * 1.3)))
        rgba = cv2.resize(rgba, small, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        h, w = rgba.shape[:2]
    source = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    colour = cv2.warpPerspective(rgba[..., :3], matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpPerspective(rgba[..., 3], matrix, size, flags=cv2.INTER_LINEAR)
    return colour.astype(np.uint8, copy=False), alpha.astype(np.uint8, copy=False)


def tight_box(alpha: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the box of alpha above one half, float32 [4], pixels x1, y1, x2, y2.

    Right and bottom are exclusive."""
    solid = alpha > 127
    columns, rows = np.flatnonzero(solid.any(0)), np.flatnonzero(solid.any(1))
    if not len(columns):
        return np.zeros(4, np.float32)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def cast_shadow(under: Pixels, alpha: NDArray[np.uint8], rng: np.random.Generator, depth: float) -> Pixels:
    """Darken the ground beside and below an object by at most `depth`, 0..1."""
    h, w = alpha.shape
    small = cv2.resize(alpha, (max(1, w // 4), max(1, h // 4)), interpolation=cv2.INTER_AREA)
    shift = np.array([[1, 0, rng.uniform(-0.05, 0.05) * w / 4], [0, 1, rng.uniform(0.0, 0.03) * h / 4]], np.float32)
    moved = cv2.warpAffine(small, shift, (small.shape[1], small.shape[0]))
    soft = cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.006, 0.03) * w / 4 + 0.3).astype(np.float32)
    return light(under, cv2.resize(1 - soft * np.float32(depth / 255), (w, h)).astype(np.float32, copy=False))


def blend(under: Pixels, colour: Pixels, alpha: NDArray[np.uint8]) -> Pixels:
    """Blend a colour over a picture through alpha."""
    cover = alpha.astype(np.float32) * np.float32(1 / 255)
    return cv2.blendLinear(colour, under, cover, 1 - cover).astype(np.uint8, copy=False)


def _fit_background(picture: Pixels, rng: np.random.Generator, size: tuple[int, int]) -> Pixels:
    width, height = size
    h, w = picture.shape[:2]
    crop = rng.uniform(0.6, 1.0) * min(w / width, h / height)
    cw, ch = max(1, int(width * crop)), max(1, int(height * crop))
    x, y = int(rng.integers(w - cw + 1)), int(rng.integers(h - ch + 1))
    return cv2.resize(picture[y : y + ch, x : x + cw], size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _occlude(pixels: Pixels, box: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Cover up to about a sixth of the box from one side, in place."""
    x1, y1, x2, y2 = box
    w, h = x2 - x1, y2 - y1
    side, reach = rng.integers(4), rng.uniform(0.05, 0.16)
    edges = [(x1 + w * reach - w, (y1 + y2) / 2), (x2 - w * reach + w, (y1 + y2) / 2),
             ((x1 + x2) / 2, y2 - h * reach + h), ((x1 + x2) / 2, y1 + h * reach - h)]  # fmt: skip
    cx, cy = edges[side]
    skin = rng.random() < 0.4
    tone = (rng.uniform(120, 235), rng.uniform(85, 175), rng.uniform(65, 145)) if skin else rng.uniform(20, 235, 3)
    colour = tuple(float(v) for v in tone)
    axes = (int(w), int(h * rng.uniform(0.15, 0.5))) if side < 2 else (int(w * rng.uniform(0.15, 0.5)), int(h))
    cv2.ellipse(pixels, (int(cx), int(cy)), axes, 0, 0, 360, colour, -1, cv2.LINE_AA)


def photograph(
    picture: Pixels,
    rng: np.random.Generator,
    size: tuple[int, int] | None = None,
    background: Pixels | None = None,
    strength: float = 0.6,
) -> tuple[Pixels, NDArray[np.float32]]:
    """Photograph a cut-out or a catalogue picture.

    Args:
        picture: RGBA cut-out, or RGB picture whose white surround is cut away (else it is taken as a rectangle).
        rng: Source of randomness; the same state gives the same photo.
        size: (width, height) of the photo; None takes 256 x 256.
        background: RGB picture to put behind, cropped to fit; None draws one.
        strength: 0 (a studio's) .. 1 (a poor phone photo: slanted, dim, blurred, partly covered).

    Returns:
        The photo, RGB uint8 [H, W, 3], and the product's box, float32 [4] x1,y1,x2,y2 in pixels.
    """
    size = size or (256, 256)
    rgba = picture if picture.shape[2] == 4 else cut_out(picture)
    share = rng.uniform(0.92 - 0.45 * strength, 0.96)
    colour, alpha = place(rgba, rng, size, share, strength)
    ground = _fit_background(background, rng, size) if background is not None else draw_background(rng, *size)
    if rng.random() < 0.3 * strength:
        ground = np.ascontiguousarray(ground)
        clutter(rng, ground, int(rng.integers(1, 5)))
    ground = cast_shadow(ground, alpha, rng, rng.uniform(0.1, 0.6))
    photo, box = blend(ground, colour, alpha), tight_box(alpha)
    if rng.random() < 0.35 * strength:
        _occlude(photo, box, rng)
    return expose(photo, rng, strength), box
