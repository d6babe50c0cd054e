"""Bodies of revolution: cans, jars, bottles, tubes and mugs."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from whatsit.rendering import artwork
from whatsit.rendering.brands import hsv
from whatsit.rendering.canvas import Canvas, Colour, Pixels, light, mix, stack_alpha
from whatsit.rendering.design import Design
from whatsit.rendering.illustrations import draw_picture
from whatsit.rendering.pose import Pose

_WHITE: Colour = (252, 250, 244)
_BLACK: Colour = (18, 16, 22)
_FRONT_ARC = 150.0  # degrees that the front panel covers


@dataclass(frozen=True)
class Turned:
    """A body of revolution in units of its height.

    Attributes:
        profile: Radius at heights, [(t, r), …] with t from 0 (top) to 1 (bottom), both in units of the height.
        wrap: The surface unrolled, uint8 [h, w, 3], 360 degrees wide, t from top to bottom, front in its middle.
        lid: Colour of the top seen from above.
        rim: Colour of the lid's edge.
        gloss: Strength of the highlight, 0..1.
        metal: Whether the edges reflect (cans) instead of only darkening.
    """

    profile: tuple[tuple[float, float], ...]
    wrap: Pixels
    lid: Colour
    rim: Colour
    gloss: float
    metal: bool = False


def render(body: Turned, size: int, pose: Pose) -> Pixels:
    """Draw a body of revolution.

    Args:
        body: Its shape and surface.
        size: Height of the body in pixels, about.
        pose: The angles; yaw turns the label, pitch opens the top and bends the label's edges.

    Returns:
        RGBA uint8.
    """
    points = np.array(body.profile)
    radius_max = float(points[:, 1].max())
    tip = float(np.sin(np.deg2rad(pose.pitch)))
    top, bottom = points[0, 1] * tip, points[-1, 1] * tip
    tall = size / max(1.0 + top + bottom, 2 * radius_max)
    width, height = int(2 * radius_max * tall) + 5, int((1.0 + top + bottom) * tall) + 4
    y = (np.arange(height, dtype=np.float32)[:, None] - 2) / tall - top
    x = (np.arange(width, dtype=np.float32)[None, :] - (width - 1) / 2) / tall
    heights = np.linspace(0, 1, 160)
    radii = cv2.GaussianBlur(np.interp(heights, points[:, 0], points[:, 1])[None].astype(np.float32), (7, 1), 0)[0]
    radius = np.interp(y[:, 0], heights, radii).astype(np.float32)[:, None]
    u = x / radius
    bulge = np.sqrt(np.maximum(0.0, 1.0 - u * u))
    t = y - bulge * radius * tip
    surface = np.arcsin(np.clip(u, -1, 1))
    high, wide = body.wrap.shape[:2]
    map_x = (surface * np.float32(wide / (2 * np.pi)) + np.float32((0.5 - pose.yaw / 360) * wide)).astype(np.float32)
    map_y = np.clip(t * high, 0, high - 1).astype(np.float32)
    colour = cv2.remap(body.wrap, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP).astype(
        np.uint8, copy=False
    )
    colour = _shine(colour, u, bulge, body, pose)
    if tip > 0.01:
        rows = slice(0, int(2 * top * tall) + 4)  # no further down does the top reach
        on_top = (t[rows] < 0) & (y[rows] > -bulge[rows] * radius[rows] * tip)
        _cover(colour[rows], on_top, x, y[rows], body, float(points[0, 1]), tip)
    alpha = np.clip((1.0 - np.abs(u)) * radius * tall + 0.5, 0, 1)
    edge_top, edge_bottom = (y + bulge * radius * tip) * tall, (1.0 - t) * tall
    alpha = alpha * np.clip(edge_top + 0.5, 0, 1) * np.clip(edge_bottom + 0.5, 0, 1)
    rgba = stack_alpha(colour, (alpha * 255).astype(np.uint8))
    if abs(pose.roll) < 0.5:
        return rgba
    return _roll(rgba, pose.roll)


def _shine(colour: Pixels, u: NDArray[np.float32], bulge: NDArray[np.float32], body: Turned, pose: Pose) -> Pixels:
    side = 0.55 * pose.light
    shade = 0.42 + 0.6 * np.clip(bulge * np.sqrt(1 - side * side) + u * side, 0, 1)
    shine = np.exp(-(((u - side * 0.9) / 0.13) ** 2)) * 0.75 + np.exp(-(((u + 0.72) / 0.07) ** 2)) * 0.45
    if body.metal:
        shine = shine + np.exp(-(((u - 0.8) / 0.06) ** 2)) * 0.6
    shine = np.minimum(shine, 1) * body.gloss
    return light(colour, np.asarray(shade * (1 - shine), np.float32), np.asarray(255 * shine, np.float32))


def _cover(
    colour: Pixels,
    on_top: NDArray[np.bool_],
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    body: Turned,
    radius: float,
    tip: float,
) -> None:
    ring = np.hypot(x / radius, y / (radius * tip))
    colour[on_top] = body.lid
    colour[on_top & (ring > 0.86)] = body.rim
    colour[on_top & (ring <= 0.86) & (ring > 0.78)] = mix(body.lid, _BLACK, 0.25)


def _roll(rgba: Pixels, degrees: float) -> Pixels:
    h, w = rgba.shape[:2]
    pad = int(abs(np.sin(np.deg2rad(degrees))) * max(h, w) / 2) + 2
    rgba = cv2.copyMakeBorder(rgba, pad, pad, pad, pad, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
    rgba[:pad, :, 3] = rgba[-pad:, :, 3] = rgba[:, :pad, 3] = rgba[:, -pad:, 3] = 0
    matrix = cv2.getRotationMatrix2D((rgba.shape[1] / 2, rgba.shape[0] / 2), degrees, 1.0)
    return cv2.warpAffine(rgba, matrix, (rgba.shape[1], rgba.shape[0]), flags=cv2.INTER_LINEAR).astype(
        np.uint8, copy=False
    )


def _wrap(design: Design, size: int, radius: float, t1: float, t2: float, ground: Colour) -> Canvas:
    """Return the unrolled surface with the label between t1 and t2."""
    tall = int(size * 1.15)
    around = int(2 * np.pi * radius * tall)
    canvas = Canvas(around, tall, ground)
    y1, y2 = int(t1 * tall), int(t2 * tall)
    wide = int(around * _FRONT_ARC / 360)
    front = artwork.front(design, wide, y2 - y1).pixels
    side = artwork.side(design, wide // 2, y2 - y1).pixels
    left = (around - wide) // 2
    canvas.rows(y1, y2, design.ground)
    canvas.pixels[y1:y2, left : left + wide] = front
    canvas.pixels[y1:y2, left + wide : left + wide + side.shape[1]] = side[:, : around - left - wide]
    canvas.pixels[y1:y2, max(0, left - side.shape[1]) : left] = side[:, -left:]
    return canvas


def _ridges(canvas: Canvas, t1: float, t2: float, colour: Colour, ribbed: bool = True) -> None:
    y1, y2 = int(t1 * canvas.height), int(t2 * canvas.height)
    canvas.rows(y1, y2, colour)
    if ribbed:
        canvas.pixels[y1 + 1 : y2, ::5] = mix(colour, _BLACK, 0.25)
        canvas.pixels[y1 + 1 : y2, 1::5] = mix(colour, _WHITE, 0.15)


def can(design: Design, size: int, pose: Pose) -> Pixels:
    """Draw a drink can, standard or slim."""
    r = float(design.rng(61).choice([0.27, 0.22]))
    canvas = _wrap(design, size, r, 0.05, 0.95, (200, 202, 206))
    profile = ((0.0, r * 0.82), (0.02, r * 0.84), (0.09, r), (0.92, r), (1.0, r * 0.8))
    return render(Turned(profile, canvas.pixels, (178, 181, 187), (222, 224, 228), 0.55, True), size, pose)


def tin(design: Design, size: int, pose: Pose) -> Pixels:
    """Draw a food tin with metal rims."""
    r = float(design.rng(62).uniform(0.33, 0.46))
    canvas = _wrap(design, size, r, 0.06, 0.94, (196, 198, 202))
    for t in (0.02, 0.96):
        y = int(t * canvas.height)
        canvas.rows(y, y + 3, (150, 152, 158))
    profile = ((0.0, r), (0.04, r), (0.06, r * 0.975), (0.94, r * 0.975), (0.96, r), (1.0, r))
    return render(Turned(profile, canvas.pixels, (186, 189, 194), (226, 228, 232), 0.4, True), size, pose)


def jar(design: Design, size: int, pose: Pose) -> Pixels:
    """Draw a glass jar: lid, contents in the variant's colour, paper label."""
    rng = design.rng(63)
    r, lid = float(rng.uniform(0.3, 0.38)), float(rng.uniform(0.13, 0.18))
    canvas = _wrap(design, size, r, rng.uniform(0.3, 0.36), rng.uniform(0.82, 0.9), mix(design.colour, _BLACK, 0.25))
    colour = [design.brand.base, (205, 170, 80), _WHITE, (60, 60, 66)][rng.integers(4)]
    _ridges(canvas, 0.0, lid, colour)
    y = int(lid * canvas.height)
    canvas.rows(y, y + int(0.04 * canvas.height), mix(design.colour, _WHITE, 0.55))
    neck = r * rng.uniform(0.78, 0.92)
    profile = ((0.0, neck), (lid, neck), (lid + 0.02, neck * 0.95), (lid + 0.1, r), (0.94, r), (1.0, r * 0.9))
    return render(Turned(profile, canvas.pixels, mix(colour, _WHITE, 0.12), colour, 0.5), size, pose)


def bottle(design: Design, size: int, pose: Pose) -> Pixels:
    """Draw a drink bottle with a narrow neck."""
    rng = design.rng(64)
    r, shoulder = float(rng.uniform(0.14, 0.18)), float(rng.uniform(0.3, 0.42))
    kind = rng.random()
    glass = mix(design.colour, _WHITE, 0.25) if kind < 0.55 else ((58, 84, 52) if kind < 0.8 else (96, 54, 28))
    canvas = _wrap(design, size, r, shoulder + 0.08, rng.uniform(0.84, 0.92), glass)
    y = int(0.17 * canvas.height)
    canvas.rows(0, y, mix(glass, _WHITE, 0.45))
    cap = design.brand.accent if rng.random() < 0.6 else design.brand.base
    _ridges(canvas, 0.0, 0.07, cap)
    neck = r * rng.uniform(0.33, 0.44)
    profile = ((0.0, neck), (0.07, neck), (0.085, neck * 0.85), (shoulder - 0.12, neck * 0.95),
               (shoulder, r * 0.86), (shoulder + 0.07, r), (0.94, r), (1.0, r * 0.88))  # fmt: skip
    return render(Turned(profile, canvas.pixels, mix(cap, _WHITE, 0.15), cap, 0.6), size, pose)


def flask(design: Design, size: int, pose: Pose) -> Pixels:
    """Draw a shower-gel or shampoo bottle with a broad cap or a pump's collar."""
    rng = design.rng(65)
    r, cap_end = float(rng.uniform(0.19, 0.25)), float(rng.uniform(0.12, 0.2))
    plastic = mix(design.ground, _WHITE, 0.2)
    canvas = _wrap(design, size, r, cap_end + 0.12, 0.92, plastic)
    cap = [_WHITE, design.brand.accent, (50, 50, 56), mix(design.colour, _WHITE, 0.4)][rng.integers(4)]
    pump = bool(rng.random() < 0.4)
    _ridges(canvas, 0.0, cap_end, cap, not pump)
    profile: tuple[tuple[float, float], ...]
    if pump:
        profile = ((0.0, r * 0.55), (0.04, r * 0.55), (0.045, r * 0.16), (cap_end - 0.05, r * 0.16),
                   (cap_end - 0.04, r * 0.5), (cap_end, r * 0.5), (cap_end + 0.09, r), (0.96, r),
                   (1.0, r * 0.9))  # fmt: skip
    else:
        broad = r * rng.uniform(0.55, 0.8)
        profile = ((0.0, broad * 0.94), (0.02, broad), (cap_end, broad), (cap_end + 0.01, broad * 0.9),
                   (cap_end + 0.1, r * 0.96), (0.6, r), (0.96, r * 0.95), (1.0, r * 0.85))  # fmt: skip
    return render(Turned(profile, canvas.pixels, mix(cap, _WHITE, 0.2), cap, 0.35), size, pose)


def tube(design: Design, size: int, pose: Pose) -> Pixels:
    """Draw a tube that stands on its cap."""
    rng = design.rng(66)
    r = float(rng.uniform(0.2, 0.25))
    canvas = _wrap(design, size, r, 0.09, 0.8, mix(design.ground, _WHITE, 0.12))
    canvas.pixels[: int(0.06 * canvas.height) : 3] = mix(design.ground, _BLACK, 0.25)
    cap = _WHITE if rng.random() < 0.5 else design.brand.accent
    _ridges(canvas, 0.86, 1.0, cap)
    profile = ((0.0, r * 1.05), (0.06, r * 1.04), (0.4, r), (0.82, r * 0.86), (0.855, r * 0.6), (0.86, r * 0.62),
               (1.0, r * 0.66))  # fmt: skip
    flat = Pose(pose.yaw, min(pose.pitch, 4.0), pose.roll, pose.light)
    return render(Turned(profile, canvas.pixels, design.ground, design.ground, 0.3), size, flat)


def mug(design: Design, size: int, pose: Pose) -> Pixels:
    """Draw a mug with a print and a handle."""
    rng = design.rng(67)
    r = float(rng.uniform(0.4, 0.52))
    colour = design.colour
    tall = int(size * 1.15)
    canvas = Canvas(int(2 * np.pi * r * tall), tall, colour)
    style, middle = rng.integers(4), canvas.width / 2
    second = design.brand.accent if rng.random() < 0.6 else hsv(rng.random(), 0.3, 0.95)
    if style == 0:
        for t in np.linspace(0.15, 0.85, rng.integers(2, 6)):
            canvas.rectangle(0, t * tall, canvas.width, (t + 0.05) * tall, second)
    elif style == 1:
        canvas.rectangle(0, tall * rng.uniform(0.4, 0.7), canvas.width, tall, second)
    if style != 2:
        draw_picture(canvas, design.picture, middle, tall * 0.45, tall * 0.26, second if style else design.brand.base)
    name = design.brand.name.upper()
    ink = _WHITE if sum(colour) < 360 else _BLACK
    canvas.text(name, middle, tall * (0.84 if style != 2 else 0.5), tall * (0.08 if style != 2 else 0.2), ink,
                canvas.width * 0.3, design.brand.stroke, design.brand.spacing)  # fmt: skip
    taper = float(rng.uniform(0.8, 1.0))
    profile = ((0.0, r), (0.6, r * (1 + taper) / 2), (0.95, r * taper), (1.0, r * taper * 0.9))
    inside = mix(_WHITE, _BLACK, 0.25) if rng.random() < 0.6 else mix(colour, _BLACK, 0.35)
    upright = Pose(pose.yaw * 0.6, pose.pitch + 6, 0.0, pose.light)
    body = render(Turned(profile, canvas.pixels, inside, mix(colour, _WHITE, 0.3), 0.4), size, upright)
    return _roll(_with_handle(body, colour, 1 if pose.yaw <= 0 else -1, rng), pose.roll)


def _with_handle(body: Pixels, colour: Colour, side: int, rng: np.random.Generator) -> Pixels:
    h, w = body.shape[:2]
    reach = int(h * rng.uniform(0.26, 0.34))
    broad = w + 2 * reach
    x = reach + w * 0.94 if side > 0 else reach + w * 0.06
    under = Canvas(broad, h, mix(colour, _BLACK, 0.22))
    alpha, axes = np.zeros((h, broad), np.uint8), (int(reach * 0.75), int(h * 0.27))
    cv2.ellipse(alpha, (int(x), int(h * 0.52)), axes, 0, 0, 360, (255,), max(3, int(h * 0.085)), cv2.LINE_AA)
    shine, thin = mix(colour, _WHITE, 0.2), max(1, int(h * 0.025))
    cv2.ellipse(under.pixels, (int(x), int(h * 0.51)), axes, 0, 0, 360, shine, thin, cv2.LINE_AA)
    inner = under.pixels[:, reach : reach + w]
    cover = body[..., 3].astype(np.float32) / 255
    inner[:] = cv2.blendLinear(np.ascontiguousarray(body[..., :3]), np.ascontiguousarray(inner), cover, 1 - cover)
    alpha[:, reach : reach + w] = np.maximum(alpha[:, reach : reach + w], body[..., 3])
    return stack_alpha(under.pixels, alpha)
