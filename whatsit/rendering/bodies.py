"""Cut-outs of designs: body, pose and tight crop."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from whatsit.rendering.apparel import shirt, shoe
from whatsit.rendering.bottles import bottle, can, flask, jar, mug, tin, tube
from whatsit.rendering.canvas import Pixels
from whatsit.rendering.cartons import book, brick, cereal_box, gable_carton, tea_box, toy_box
from whatsit.rendering.design import Design
from whatsit.rendering.pose import Pose
from whatsit.rendering.pouches import bag, pouch

BODIES: dict[str, Callable[[Design, int, Pose], Pixels]] = {
    "gable": gable_carton, "brick": brick, "box": cereal_box, "teabox": tea_box, "book": book, "toybox": toy_box,
    "can": can, "tin": tin, "jar": jar, "bottle": bottle, "flask": flask, "tube": tube, "mug": mug,
    "bag": bag, "pouch": pouch, "shirt": shirt, "shoe": shoe,
}  # fmt: skip


def draw_body(design: Design, size: int, view: int) -> Pixels:
    """Draw a design in a pose, cropped to its alpha.

    Args:
        design: The product's look.
        size: Longer side of the result in pixels.
        view: Number of the pose; 0 is the catalogue's.

    Returns:
        RGBA uint8 [H, W, 4] with max(H, W) == size.
    """
    rgba = BODIES[design.body](design, size, Pose.of_view(design.rng(41, view), view))
    columns, rows = np.flatnonzero(rgba[..., 3].max(0) > 8), np.flatnonzero(rgba[..., 3].max(1) > 8)
    rgba = rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = size / max(rgba.shape[:2])
    if scale == 1.0:
        return np.ascontiguousarray(rgba)
    target = (max(1, round(rgba.shape[1] * scale)), max(1, round(rgba.shape[0] * scale)))
    return resize_rgba(rgba, target, cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def resize_rgba(rgba: Pixels, size: tuple[int, int], interpolation: int) -> Pixels:
    """Resize RGBA without premultiplication.

    Colour under full transparency must continue the edge's.
    """
    return cv2.resize(rgba, size, interpolation=interpolation).astype(np.uint8, copy=False)
