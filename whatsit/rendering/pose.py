"""Poses of products and their perspective."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from whatsit.rendering.canvas import Pixels, stack_alpha


@dataclass(frozen=True)
class Pose:
    """A pose: angles in degrees.

    Attributes:
        yaw: Turned about its upright axis; positive shows the right side.
        pitch: Seen from above by this much.
        roll: Leaning in the picture plane.
        light: Where the light comes from, -1 left to 1 right.
    """

    yaw: float
    pitch: float
    roll: float
    light: float

    @classmethod
    def of_view(cls, rng: np.random.Generator, view: int) -> Pose:
        """Return the pose of a view: nearly frontal for 0, freer for others."""
        if view == 0:
            return cls(float(rng.uniform(-18, 18)), float(rng.uniform(5, 10)), 0.0, float(rng.uniform(-0.7, 0.7)))
        yaw = float(np.clip(rng.normal(0, 18), -42, 42))
        return cls(yaw, float(rng.uniform(2, 20)), float(rng.normal(0, 1.2)), float(rng.uniform(-1, 1)))


def project(points: NDArray[np.float64], pose: Pose, distance: float = 4.5) -> NDArray[np.float64]:
    """Project 3-D points (x right, y up, z to the viewer; size about 1).

    Args:
        points: float64 [n, 3].
        pose: The angles.
        distance: Camera distance in the points' unit.

    Returns:
        float64 [n, 3]: x right and y **down** in the picture plane, and depth (larger is nearer).
    """
    yaw, pitch, roll = np.deg2rad([-pose.yaw, pose.pitch, pose.roll])
    x = points[:, 0] * np.cos(yaw) + points[:, 2] * np.sin(yaw)
    z = -points[:, 0] * np.sin(yaw) + points[:, 2] * np.cos(yaw)
    y = points[:, 1] * np.cos(pitch) - z * np.sin(pitch)
    z = points[:, 1] * np.sin(pitch) + z * np.cos(pitch)
    away = distance / (distance - z)
    x, y = x * away, -y * away
    return np.stack([x * np.cos(roll) - y * np.sin(roll), x * np.sin(roll) + y * np.cos(roll), z], 1)


def tilt_flat(rgba: Pixels, pose: Pose, bend: float = 0.6) -> Pixels:
    """Show a flat cut-out in a pose.

    Args:
        rgba: uint8 [H, W, 4].
        pose: The angles; yaw and pitch count by `bend`, for flat things are seldom seen at a slant.
        bend: Share of yaw and pitch.

    Returns:
        RGBA uint8, large enough for the turned picture.
    """
    h, w = rgba.shape[:2]
    unit = max(h, w)
    corners = np.array([[-w, h, 0], [w, h, 0], [w, -h, 0], [-w, -h, 0]], np.float64) / (2 * unit)
    flat = project(corners, Pose(pose.yaw * bend, pose.pitch * bend, pose.roll, pose.light))[:, :2] * unit
    low = flat.min(0)
    span = np.ceil(flat.max(0) - low).astype(int)
    source = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, (flat - low).astype(np.float32))
    size = (int(span[0]), int(span[1]))
    colour = cv2.warpPerspective(rgba[..., :3], matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpPerspective(rgba[..., 3], matrix, size, flags=cv2.INTER_LINEAR)
    return stack_alpha(colour.astype(np.uint8, copy=False), alpha.astype(np.uint8, copy=False)).astype(
        np.uint8, copy=False
    )
