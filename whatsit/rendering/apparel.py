"""T-shirts and shoes, flat or from the side, with folds, prints and seams."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from whatsit.rendering.canvas import Canvas, Colour, Pixels, luminance, mix, stack_alpha
from whatsit.rendering.design import Design
from whatsit.rendering.illustrations import draw_picture
from whatsit.rendering.pose import Pose, tilt_flat
from whatsit.rendering.pouches import relief, wrinkles

_WHITE: Colour = (246, 245, 240)
_BLACK: Colour = (22, 20, 26)


def _mirrored(half: list[tuple[float, float]]) -> NDArray[np.float64]:
    right = np.array(half)
    return np.concatenate([right, right[::-1] * (-1, 1) + (1, 0)])


def shirt(design: Design, size: int, pose: Pose) -> Pixels:
    """Draw a T-shirt: plain or striped cloth, a print on the chest, folds."""
    rng = design.rng(81)
    s = size
    sleeve, hem = rng.uniform(0.3, 0.42), rng.uniform(0.74, 0.8)
    half = [(0.6, 0.03), (0.72, 0.07), (0.99, sleeve), (0.86, sleeve + 0.09), (hem - 0.01, sleeve - 0.05), (hem, 0.97)]
    outline = _mirrored(half) * s
    cloth = Canvas(s, s, design.colour)
    second = design.brand.accent if abs(luminance(design.brand.accent) - luminance(design.colour)) > 50 else _WHITE
    style = rng.integers(5)
    ink = _WHITE if luminance(design.colour) < 140 else _BLACK
    if style == 0:
        step = s * rng.uniform(0.05, 0.11)
        for k in range(int(s / step) + 1):
            cloth.rectangle(0, k * step, s, k * step + step * rng.choice([0.5, 0.4]), second)
    elif style == 1:
        cloth.polygon([(0, 0), (s * 0.26, 0), (s * 0.26, s * 0.5), (0, s * 0.5)], second)
        cloth.polygon([(s * 0.74, 0), (s, 0), (s, s * 0.5), (s * 0.74, s * 0.5)], second)
    elif style == 2:
        cloth.rectangle(0, s * 0.34, s, s * 0.52, second)
    name = design.brand.name.upper()
    y = s * rng.uniform(0.36, 0.44)
    if style == 2:
        cloth.text(
            name, s / 2, s * 0.43, s * 0.1, ink if second != ink else design.colour, s * 0.46, design.brand.stroke
        )
    elif rng.random() < 0.75:
        draw_picture(cloth, design.picture, s / 2, y, s * rng.uniform(0.12, 0.17), second if style else ink)
        cloth.text(name, s / 2, y + s * 0.24, s * 0.06, ink, s * 0.36, design.brand.stroke, design.brand.spacing)
    else:
        draw_picture(cloth, design.picture, s * 0.62, s * 0.3, s * 0.05, second if style else ink)
    collar = s * 0.1
    cloth.ellipse(
        s / 2, s * 0.03, collar * 1.25, collar * 0.95, mix(design.colour, second, 0.7 if style == 1 else 0.12)
    )
    cloth.ellipse(s / 2, s * 0.02, collar * 1.02, collar * 0.72, mix(design.colour, _BLACK, 0.45))
    for x in (0.01, 0.99):
        side = 1 if x < 0.5 else -1
        cloth.stroke([(s * x + side * s * 0.02, (sleeve - 0.01) * s), (s * x + side * s * 0.145, (sleeve + 0.075) * s)],
                     mix(design.colour, _BLACK, 0.3), 1)  # fmt: skip
    heights = wrinkles(rng, s, s, 6, s * 0.03) + wrinkles(rng, s, s, 13, s * 0.012)
    alpha = np.zeros((s, s), np.uint8)
    cv2.fillPoly(alpha, [np.round(outline * 8).astype(np.int32)], (255,), cv2.LINE_AA, 3)
    cv2.ellipse(alpha, (s // 2, 0), (int(collar), int(s * 0.035)), 0, 0, 360, (0,), -1, cv2.LINE_AA)
    edge = cv2.GaussianBlur(alpha, (0, 0), s * 0.02).astype(np.float32) * (s * 0.06 / 255)
    lit = relief(cloth.pixels, np.asarray(heights + edge, np.float32), pose.light, 0.0)
    return tilt_flat(stack_alpha(lit, alpha), pose, 0.9)


def shoe(design: Design, size: int, pose: Pose) -> Pixels:
    """Draw a sneaker from the side."""
    rng = design.rng(82)
    w, h = size, int(size * 0.62)
    high = rng.uniform(0.0, 0.16) if rng.random() < 0.7 else 0.24
    top = 0.3 - high
    sole = 0.8
    back = [(0.05, sole), (0.04, 0.55), (0.09, top + 0.1), (0.1, top)]
    opening = [(0.2, top + 0.04), (0.36, top - 0.01), (0.42, top + 0.06)]
    toe = [(0.55, 0.44), (0.72, 0.52), (0.88, 0.6), (0.96, 0.7), (0.97, sole)]
    upper = np.array(back + opening + toe)
    canvas = Canvas(w, h, design.colour)
    second = design.brand.accent if rng.random() < 0.7 else _WHITE
    ink = _WHITE if luminance(design.colour) < 150 else mix(design.brand.base, _BLACK, 0.3)
    scale = np.array([w, h])
    canvas.polygon(
        np.array([(0.68, 0.4), (1, 0.4), (1, 1), (0.8, 1), (0.7, 0.75)]) * scale, mix(design.colour, _WHITE, 0.14)
    )
    canvas.polygon(
        np.array([(0, 0), (0.13, 0), (0.2, 0.5), (0.17, 1), (0, 1)]) * scale, mix(design.colour, second, 0.55)
    )
    mark = rng.integers(4)
    if mark == 0:
        for k in range(3):
            x = 0.33 + k * 0.08
            canvas.polygon(np.array([(x, 0.42), (x + 0.035, 0.42), (x + 0.11, 0.8), (x + 0.07, 0.8)]) * scale, ink)
    elif mark == 1:
        t = np.linspace(0, 1, 16)
        swing = np.stack([0.25 + 0.42 * t, 0.68 - 0.22 * t**2 + 0.06 * np.sin(t * 6)], 1) * scale
        canvas.stroke(swing, second, h * 0.07)
    elif mark == 2:
        canvas.ellipse(w * 0.3, h * 0.58, w * 0.075, w * 0.075, ink)
        canvas.text(design.brand.name[0], w * 0.3, h * 0.58, w * 0.08, design.colour, stroke=4)
    else:
        canvas.text(design.brand.name.upper(), w * 0.42, h * 0.66, h * 0.13, ink, w * 0.4, 4)
    lace = _WHITE if luminance(design.colour) < 200 else (70, 70, 76)
    canvas.polygon(np.array([(0.4, top + 0.04), (0.47, top + 0.02), (0.68, 0.48), (0.6, 0.52)]) * scale,
                   mix(design.colour, _BLACK, 0.25))  # fmt: skip
    for k in range(5):
        x, y = 0.43 + k * 0.045, top + 0.1 + k * (0.43 - top) / 5
        canvas.stroke(np.array([(x, y + 0.03), (x + 0.07, y - 0.05)]) * scale, lace, max(2, h * 0.028))
    padding = np.array([(0.11, top + 0.03), (0.2, top + 0.07), (0.36, top + 0.02)])
    canvas.stroke(padding * scale, mix(design.colour, _BLACK, 0.4), h * 0.035)
    canvas.stroke(np.array([(0.68, 0.5), (0.7, 0.62), (0.76, 0.8)]) * scale, mix(design.colour, _BLACK, 0.3), 1)
    alpha = np.zeros((h, w), np.uint8)
    smooth = _smooth(upper * scale)
    cv2.fillPoly(alpha, [np.round(smooth * 8).astype(np.int32)], (255,), cv2.LINE_AA, 3)
    bulge = cv2.GaussianBlur(alpha, (0, 0), w * 0.04).astype(np.float32) * (w * 0.11 / 255)
    heights = np.asarray(bulge + wrinkles(rng, h, w, 9, w * 0.006), np.float32)
    canvas.pixels[:] = relief(canvas.pixels, heights, pose.light, 0.15)
    tread = [
        (0.03, sole - 0.03),
        (0.98, sole - 0.03),
        (0.985, sole + 0.08),
        (0.95, 0.96),
        (0.06, 0.96),
        (0.02, sole + 0.08),
    ]
    for target, colour in ((canvas.pixels, (238, 236, 230) if rng.random() < 0.7 else second), (alpha, (255,))):
        points = np.round(_smooth(np.array(tread) * scale) * 8).astype(np.int32)
        cv2.fillPoly(target, [points], colour, cv2.LINE_AA, 3)
    canvas.stroke(np.array([(0.05, sole + 0.06), (0.97, sole + 0.06)]) * scale, second, max(1, h * 0.02))
    canvas.rectangle(0, h * 0.925, w, h, mix(design.brand.base, _BLACK, 0.4))
    rgba = stack_alpha(canvas.pixels, alpha)
    if pose.yaw < 0:
        rgba = np.ascontiguousarray(rgba[:, ::-1])
    return tilt_flat(rgba, Pose(pose.yaw, pose.pitch * 0.5, pose.roll, pose.light), 0.8)


def _smooth(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round a closed outline by two steps of Chaikin's corner cutting."""
    for _ in range(2):
        following = np.roll(points, -1, 0)
        points = np.stack([points * 0.78 + following * 0.22, points * 0.22 + following * 0.78], 1).reshape(-1, 2)
    return points
