"""Cartons, boxes and books: a few textured faces in perspective."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from whatsit.rendering import artwork
from whatsit.rendering.canvas import Canvas, Colour, Pixels, mix, readable_on, stack_alpha
from whatsit.rendering.design import Design
from whatsit.rendering.ornaments import logo
from whatsit.rendering.pose import Pose, project

_WHITE: Colour = (252, 250, 244)
_BLACK: Colour = (18, 16, 22)


@dataclass(frozen=True)
class Face:
    """A convex 3-D polygon with an optional texture.

    Corners are clockwise as seen from outside; a texture starts at the top left."""

    corners: NDArray[np.float64]
    colour: Colour
    texture: Pixels | None = None


def _shade(face: Face, pose: Pose) -> float:
    a, b, c = face.corners[:3]
    normal = np.cross(c - b, b - a)
    normal /= np.linalg.norm(normal) + 1e-9
    yaw = np.deg2rad(-pose.yaw)
    facing = np.array([normal[0] * np.cos(yaw) + normal[2] * np.sin(yaw), normal[1],
                       -normal[0] * np.sin(yaw) + normal[2] * np.cos(yaw)])  # fmt: skip
    return float(0.52 + 0.48 * np.clip(facing @ np.array([0.45 * pose.light, 0.5, 0.78]), -0.3, 1.0))


def render(faces: list[Face], size: int, pose: Pose) -> Pixels:
    """Draw the visible faces from back to front.

    Args:
        faces: Corners in a unit of about the body's height.
        size: Longer side of the drawn body in pixels, about.
        pose: The angles.

    Returns:
        RGBA uint8.
    """
    flat = [project(face.corners, pose) for face in faces]
    every = np.concatenate(flat)[:, :2]
    low, high = every.min(0), every.max(0)
    scale = 1.5 * size / float((high - low).max())
    width, height = (np.ceil((high - low) * scale).astype(int) + 4).tolist()
    colour = np.zeros((height, width, 3), np.uint8)
    alpha = np.zeros((height, width), np.uint8)
    for k in np.argsort([p[:, 2].mean() for p in flat]):
        points, face = ((flat[k][:, :2] - low) * scale + 2).astype(np.float32), faces[k]
        x, y = points[:, 0], points[:, 1]
        if float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) <= 1:
            continue
        light = _shade(face, pose)
        if face.texture is None:
            fill = tuple(min(255, int(v * light)) for v in face.colour)
            cv2.fillPoly(colour, [np.round(points * 8).astype(np.int32)], fill, cv2.LINE_AA, 3)
        else:
            _paste(colour, face.texture, points, light)
        cv2.fillPoly(alpha, [np.round(points * 8).astype(np.int32)], (255,), cv2.LINE_AA, 3)
    target = (max(1, round(width / 1.5)), max(1, round(height / 1.5)))
    rgba = stack_alpha(colour, alpha)
    return cv2.resize(rgba, target, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _paste(colour: Pixels, texture: Pixels, points: NDArray[np.float32], light: float) -> None:
    """Warp a texture onto a quadrilateral, grown by a pixel against seams."""
    h, w = texture.shape[:2]
    lit = cv2.convertScaleAbs(texture, alpha=light)
    x1, y1 = np.maximum(np.floor(points.min(0)).astype(int) - 1, 0)
    x2, y2 = np.ceil(points.max(0)).astype(int) + 2
    roi = colour[y1:y2, x1:x2]
    source = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, points - np.array([x1, y1], np.float32))
    warped = cv2.warpPerspective(
        lit, matrix, (roi.shape[1], roi.shape[0]), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    mask = np.zeros(roi.shape[:2], np.uint8)
    centre = points.mean(0)
    grown = centre + (points - centre) * 1.012 - np.array([x1, y1], np.float32)
    cv2.fillPoly(mask, [np.round(grown * 8).astype(np.int32)], (255,), cv2.LINE_8, 3)
    cv2.copyTo(warped, mask, roi)


def _cuboid(
    w: float, h: float, d: float, front: Pixels, side: Pixels, top: Pixels | None, top_colour: Colour, y0: float = 0.0
) -> list[Face]:
    x, z, y1 = w / 2, d / 2, y0 + h

    def quad(*rows: tuple[float, float, float]) -> NDArray[np.float64]:
        return np.array(rows, np.float64)

    return [
        Face(quad((-x, y1, z), (x, y1, z), (x, y0, z), (-x, y0, z)), top_colour, front),
        Face(quad((x, y1, z), (x, y1, -z), (x, y0, -z), (x, y0, z)), top_colour, side),
        Face(quad((-x, y1, -z), (-x, y1, z), (-x, y0, z), (-x, y0, -z)), top_colour, side),
        Face(quad((-x, y1, -z), (x, y1, -z), (x, y1, z), (-x, y1, z)), top_colour, top),
    ]


def _panels(design: Design, size: int, w: float, h: float, d: float) -> tuple[Pixels, Pixels]:
    unit = 1.35 * size / max(w, h)
    tall = int(h * unit)
    return (
        artwork.front(design, int(w * unit), tall).pixels,
        artwork.side(design, max(24, int(d * unit)), tall).pixels,
    )


def _lid(design: Design, w: float, d: float, size: int) -> Pixels:
    wide, deep = int(w * size), max(16, int(d * size))
    canvas = Canvas(wide, deep, mix(design.ground, _WHITE, 0.06))
    name, ink = design.brand.name, readable_on(design.ground, _WHITE)
    canvas.text(name, wide / 2, deep / 2, deep * 0.4, ink, wide * 0.8, design.brand.stroke)
    return canvas.pixels


def _box(design: Design, size: int, pose: Pose, w: float, h: float, d: float) -> Pixels:
    front, side = _panels(design, size, w, h, d)
    return render(_cuboid(w, h, d, front, side, _lid(design, w, d, size), design.ground), size, pose)


def cereal_box(design: Design, size: int, pose: Pose) -> Pixels:
    """Draw a tall, shallow box."""
    rng = design.rng(51)
    return _box(design, size, pose, rng.uniform(0.6, 0.74), 1.0, rng.uniform(0.16, 0.26))


def tea_box(design: Design, size: int, pose: Pose) -> Pixels:
    """Draw a small box, wide or cubic."""
    rng = design.rng(52)
    w = rng.uniform(0.85, 1.3)
    return _box(design, size, pose, w, rng.uniform(0.6, 0.8), rng.uniform(0.35, 0.55))


def toy_box(design: Design, size: int, pose: Pose) -> Pixels:
    """Draw a wide or nearly square box."""
    rng = design.rng(53)
    return _box(design, size, pose, rng.uniform(0.95, 1.3), rng.uniform(0.75, 1.0), rng.uniform(0.2, 0.34))


def brick(design: Design, size: int, pose: Pose) -> Pixels:
    """Draw a juice brick with a screw cap or a straw on its top."""
    rng = design.rng(54)
    w, d = rng.uniform(0.4, 0.52), rng.uniform(0.26, 0.34)
    front, side = _panels(design, size, w, 1.0, d)
    faces = _cuboid(w, 1.0, d, front, side, None, mix(design.ground, _WHITE, 0.15))
    if rng.random() < 0.7:
        cap = mix(design.brand.accent, _WHITE, 0.1)
        plain = np.empty((8, 8, 3), np.uint8)
        plain[:] = cap
        x = rng.uniform(-0.06, 0.06)
        lid = [Face(f.corners * (0.16 / w, 1.0, 0.14 / d) + (x, 0.0, d * 0.12), cap, f.texture)
               for f in _cuboid(w, 0.06, d, plain, plain, None, cap, 1.0)]  # fmt: skip
        faces += lid
    return render(faces, size, pose)


def gable_carton(design: Design, size: int, pose: Pose) -> Pixels:
    """Draw a milk carton with a gable top and often a screw cap on the slope."""
    rng = design.rng(55)
    w, h, rise, fin = rng.uniform(0.36, 0.44), 0.78, 0.15, 0.07
    front, side = _panels(design, size, w, h, w)
    roof_colour = mix(design.second, _WHITE, 0.1) if rng.random() < 0.5 else mix(design.ground, _WHITE, 0.1)
    faces = _cuboid(w, h, w, front, side, None, roof_colour)[:3]
    x, peak = w / 2, h + rise
    roof = Canvas(max(16, int(w * size)), max(16, int(rise * 1.6 * size)), roof_colour)
    ink = readable_on(roof_colour, design.brand.base)
    logo(roof, design, roof.width * 0.5, roof.height * 0.5, roof.height * 0.26, ink, roof_colour)
    if rng.random() < 0.55:
        roof.ellipse(
            roof.width * 0.5, roof.height * 0.55, roof.width * 0.17, roof.height * 0.3, mix(_BLACK, _WHITE, 0.6)
        )
        roof.ellipse(roof.width * 0.5, roof.height * 0.5, roof.width * 0.16, roof.height * 0.28, design.brand.accent)
    slope = np.array([(-x, peak, 0), (x, peak, 0), (x, h, x), (-x, h, x)], np.float64)
    faces.append(Face(slope, roof_colour, roof.pixels))
    for side_x, order in ((x, 1), (-x, -1)):
        gable = np.array([(side_x, peak, 0), (side_x, h, -x), (side_x, h, x)], np.float64)
        faces.append(Face(gable[::order], mix(roof_colour, _BLACK, 0.18)))
    ridge = np.array([(-x, peak + fin, 0.0), (x, peak + fin, 0.0), (x, peak, 0.001), (-x, peak, 0.001)], np.float64)
    faces.append(Face(ridge, mix(roof_colour, _WHITE, 0.25)))
    return render(faces, size, pose)


def book(design: Design, size: int, pose: Pose) -> Pixels:
    """Draw a book: cover, spine on the left, pages on the right and on top."""
    rng = design.rng(56)
    w, d = rng.uniform(0.64, 0.76), rng.uniform(0.07, 0.16)
    front, spine = _panels(design, size, w, 1.0, d)
    tall, thick = front.shape[0], max(24, spine.shape[1])
    back = Canvas(thick, tall, mix(design.ground, _BLACK, 0.15))
    ink = readable_on(design.ground, _WHITE)
    back.text(design.variant, thick / 2, tall * 0.4, thick * 0.45, ink, tall * 0.6, 2, 0, True)
    pages = np.full((tall, thick, 3), (236, 228, 208), np.uint8)
    pages[:, ::3] = (206, 196, 172)
    faces = _cuboid(w, 1.0, d, front, back.pixels, np.ascontiguousarray(pages.transpose(1, 0, 2)), design.ground)
    faces[1] = Face(faces[1].corners, design.ground, pages)
    return render(faces, size, pose)
