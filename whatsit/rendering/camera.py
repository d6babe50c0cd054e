"""Camera effects: light gradients, colour casts, blur, noise, JPEG."""

from __future__ import annotations

import cv2
import numpy as np

from whatsit.rendering.canvas import Pixels, light


def relight(pixels: Pixels, rng: np.random.Generator, strength: float) -> Pixels:
    """Apply a light gradient, exposure, colour cast and contrast.

    Args:
        pixels: RGB uint8 [H, W, 3].
        rng: Source of randomness.
        strength: 0 (nothing) .. 1 (poor light).

    Returns:
        RGB uint8 of the same shape.
    """
    h, w = pixels.shape[:2]
    angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.5) * strength
    y = np.linspace(-0.5, 0.5, h, dtype=np.float32)[:, None] * np.float32(np.sin(angle))
    x = np.linspace(-0.5, 0.5, w, dtype=np.float32)[None] * np.float32(np.cos(angle))
    field = (1.0 + np.float32(depth * 2) * (x + y)).astype(np.float32)
    warm = rng.normal(0, 0.09) * strength
    cast = np.exp(rng.normal(-0.05, 0.22) * strength) * np.array(
        [1 + warm, 1 + rng.normal(0, 0.03) * strength, 1 - warm]
    )
    contrast = 1 + rng.normal(-0.05, 0.15) * strength
    levels = np.arange(256)[:, None] * cast * contrast + 110 * (1 - contrast)
    table = np.clip(levels, 0, 255).astype(np.uint8)[:, None]
    return light(cv2.LUT(pixels, table).astype(np.uint8, copy=False), field)


def blur(pixels: Pixels, rng: np.random.Generator, strength: float) -> Pixels:
    """Apply defocus or motion blur to about half of the pictures."""
    reach = max(pixels.shape[:2]) / 256 * strength
    kind = rng.random()
    if kind < 0.45:
        return pixels
    if kind < 0.8:
        return cv2.GaussianBlur(pixels, (0, 0), 0.3 + rng.uniform(0, 1.6) * reach).astype(np.uint8, copy=False)
    length = max(2, int(2 + rng.uniform(0, 7) * reach))
    kernel = np.zeros((length * 2 + 1, length * 2 + 1), np.float32)
    angle = rng.uniform(0, np.pi)
    step = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    ends = np.round(np.stack([length - step, length + step])).astype(int)
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), (1.0,), 1)
    return cv2.filter2D(pixels, -1, kernel / kernel.sum()).astype(np.uint8, copy=False)


def noise(pixels: Pixels, rng: np.random.Generator, strength: float) -> Pixels:
    """Add sensor noise of up to 12 grey levels."""
    sigma = rng.uniform(0, 12) * strength
    if sigma < 0.5:
        return pixels
    grain = np.zeros(pixels.shape, np.int16)
    cv2.setRNGSeed(int(rng.integers(1, 2**31)))
    cv2.randn(grain, np.zeros(1), np.full(1, sigma))
    return cv2.add(pixels, grain, dtype=cv2.CV_8U).astype(np.uint8, copy=False)


def jpeg(pixels: Pixels, rng: np.random.Generator, strength: float) -> Pixels:
    """Compress as JPEG of quality 40..95 and decode."""
    quality = int(95 - rng.uniform(0, 55) * strength)
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR).astype(np.uint8, copy=False)


def expose(pixels: Pixels, rng: np.random.Generator, strength: float) -> Pixels:
    """Apply all effects in a camera's order: light, lens, sensor, file."""
    return jpeg(noise(blur(relight(pixels, rng, strength), rng, strength), rng, strength), rng, strength)
