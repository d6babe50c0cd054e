"""Photos as phones take them of print: tilted, small, bent, dim, blurred, with glare, fingers and a ground."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from whatsit.rendering.camera import expose
from whatsit.rendering.canvas import Pixels

FRAMES = ((480, 640), (640, 480), (600, 800), (768, 1024))
_FOCUS = 1.3  # focal length by the frame's longer side


def take_phone_photo(
    print_: Pixels, rng: np.random.Generator, ground: Pixels, bends: bool = False
) -> tuple[Pixels, npt.NDArray[np.float32]]:
    """Return a photo of a print, RGB uint8 [H,W,3], and its box, f32 [4].

    The photo has one of the sizes `FRAMES`.

    Args:
        print_: RGB uint8 [h,w,3].
        rng: source of randomness; the same state gives the same photo.
        ground: RGB uint8, what lies around.
        bends: the print may be glued around a bottle.
    """
    width, height = FRAMES[int(rng.integers(len(FRAMES)))]
    if bends and rng.random() < 0.6:
        print_ = _bend(print_, float(rng.uniform(0.5, 1.15)))
    corners = _corners(print_.shape[1] / print_.shape[0], rng, width, height)
    print_ = _shrink(print_, corners)
    h, w = print_.shape[:2]
    source = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, corners)
    seen = cv2.warpPerspective(print_, matrix, (width, height), flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(np.ones((h, w), np.float32), matrix, (width, height), flags=cv2.INTER_LINEAR)
    around = cv2.resize(ground, (width, height), interpolation=cv2.INTER_CUBIC)
    photo = cv2.blendLinear(seen, around, cover, 1 - cover).astype(np.uint8)
    if rng.random() < 0.4:
        _hold(photo, corners, rng)
    if rng.random() < 0.5:
        photo = _shine(photo, corners, rng)
    box = np.concatenate([corners.min(0), corners.max(0)])
    return expose(photo, rng, float(rng.uniform(0.3, 0.8))), box


def _corners(aspect: float, rng: np.random.Generator, width: int, height: int) -> npt.NDArray[np.float32]:
    """Return where the corners of a tilted sheet are seen, f32 [4,2]."""
    half = np.array([aspect, 1.0]) / max(aspect, 1.0)
    sheet = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * [*half, 0.0]
    lean = np.deg2rad(rng.normal(0, [14.0, 14.0, 8.0]).clip(-35, 35))
    turn = cv2.Rodrigues(np.array([lean[0], 0.0, 0.0]))[0] @ cv2.Rodrigues(np.array([0.0, lean[1], 0.0]))[0]
    turn = cv2.Rodrigues(np.array([0.0, 0.0, lean[2]]))[0] @ turn
    points = sheet @ turn.T
    flat = points[:, :2] / (1.0 + points[:, 2:] / (2 * _FOCUS))
    low, high = flat.min(0), flat.max(0)
    scale = rng.uniform(0.42, 0.95) * min(np.array([width, height]) / (high - low))
    spare = np.array([width, height]) - (high - low) * scale
    place = rng.uniform(0.15, 0.85, 2) * spare
    return np.asarray((flat - low) * scale + place, dtype=np.float32)


def _shrink(print_: Pixels, corners: npt.NDArray[np.float32]) -> Pixels:
    """Scale a print down to what is seen, so that it does not alias."""
    longest = max(float(np.linalg.norm(corners[i] - corners[i - 1])) for i in range(4))
    scale = 1.2 * longest / max(print_.shape[:2])
    if scale >= 1:
        return print_
    size = (max(1, round(print_.shape[1] * scale)), max(1, round(print_.shape[0] * scale)))
    return cv2.resize(print_, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _bend(print_: Pixels, half_angle: float) -> Pixels:
    """Return a print as seen on a bottle, which shows so much of a turn in radians to each side."""
    height, width = print_.shape[:2]
    seen = round(width * np.sin(half_angle) / half_angle)
    across = np.linspace(-np.sin(half_angle), np.sin(half_angle), seen)
    columns = ((np.arcsin(across) / half_angle + 1) / 2 * (width - 1)).astype(np.float32)
    dip = (1 - np.sqrt(1 - across**2)) * 0.12 * height
    rows = np.arange(height, dtype=np.float32)[:, None] + dip.astype(np.float32)[None]
    return cv2.remap(
        print_, np.tile(columns, (height, 1)), rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.uint8, copy=False)


def _hold(photo: Pixels, corners: npt.NDArray[np.float32], rng: np.random.Generator) -> None:
    """Lay two or three fingers over an edge, in place."""
    side = int(rng.integers(4))
    a, b = corners[side], corners[(side + 1) % 4]
    inward = corners.mean(0) - (a + b) / 2
    tone = (float(rng.uniform(140, 235)), float(rng.uniform(95, 175)), float(rng.uniform(75, 145)))
    size = float(np.linalg.norm(b - a))
    for finger in range(int(rng.integers(2, 4))):
        middle = a + (b - a) * (0.3 + 0.16 * finger) + inward * rng.uniform(0.0, 0.12)
        angle = float(np.rad2deg(np.arctan2(inward[1], inward[0])))
        axes = (int(size * 0.17), int(size * 0.055))
        cv2.ellipse(photo, (int(middle[0]), int(middle[1])), axes, angle, 0, 360, tone, -1, cv2.LINE_AA)


def _shine(photo: Pixels, corners: npt.NDArray[np.float32], rng: np.random.Generator) -> Pixels:
    """Reflect a lamp: a soft white patch on the print."""
    height, width = photo.shape[:2]
    shares = rng.dirichlet(np.ones(4))
    x, y = (corners * shares[:, None]).sum(0)
    reach = float(np.linalg.norm(corners[2] - corners[0])) * rng.uniform(0.06, 0.22)
    light = np.zeros((height, width), np.float32)
    axes = (max(1, int(reach)), max(1, int(reach * rng.uniform(0.3, 1.0))))
    cv2.ellipse(light, (int(x), int(y)), axes, float(rng.uniform(0, 180)), 0, 360, (1.0,), -1)
    light = cv2.GaussianBlur(light, (0, 0), max(1.0, reach * 0.4)) * rng.uniform(120, 300)
    return np.clip(photo + light[..., None], 0, 255).astype(np.uint8)
