"""Kinds of films: what people do with cameras, and what cameras do meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from whatsit.rendering.camera_path import CameraPath, Stop
from whatsit.rendering.canvas import Pixels
from whatsit.rendering.film import Film
from whatsit.rendering.product import Product
from whatsit.rendering.scene import make_scene

KINDS = ("steady", "shaky", "focus", "exposure", "several", "pass_by", "touch_and_go", "blur", "dark", "wall")
_SCENE = (1920, 720)
_WALL = 900  # pixels of empty wall beside the scene


def make_film(kind: str, seed: int, products: Sequence[Product]) -> Film:
    """Return a film of one of `KINDS`; the same seed gives the same film.

    `steady` and `shaky`: one thing, a hand's tremor of about 1 and of 3 pixels. `focus`: the lens hunts for up to a
    second. `exposure`: it starts too dark or too bright. `several`: two or three things. `pass_by`: a slow pan over a
    thing on the way to another. `touch_and_go`: a pause too short to count, then a stop. `blur`: one thing that never
    comes into focus, then one that does. `dark`: too little light, nothing to send. `wall`: an empty wall, then one.
    """
    rng = np.random.default_rng([seed, 23, KINDS.index(kind)])
    scene = make_scene(products, rng, size=_SCENE, count=3, strength=0.15)
    order = rng.permutation(len(scene.boxes))
    stops = [_stop(scene.boxes[index], int(index), rng) for index in order[: int(rng.integers(2, 4))]]
    stops = _act(kind, stops, rng)
    tremor = 3.0 if kind == "shaky" else rng.uniform(0.5, 1.5)
    light = 0.06 if kind == "dark" else rng.uniform(0.8, 1.1)
    return Film(
        _with_wall(scene.image, rng),
        scene.boxes,
        CameraPath(stops, rng, tremor, rng.uniform(0.3, 0.8)),
        kind,
        exposure=float(rng.uniform(1 / 120, 1 / 40)),
        noise=float(rng.uniform(1, 4)),
        light=float(light),
        seed=seed,
    )


def _stop(box: npt.NDArray[np.float32], thing: int, rng: np.random.Generator, **changed: float | bool) -> Stop:
    """Return a stop at a box that fills 50 to 75 % of the frame's height."""
    x1, y1, x2, y2 = (float(side) for side in box)
    zoom = max((y2 - y1) / (480 * rng.uniform(0.5, 0.75)), (x2 - x1) / (640 * 0.75))
    zoom = min(zoom, 0.97 * _SCENE[1] / 480)  # the view ends where the scene does
    half = 240 * zoom
    y = float(np.clip((y1 + y2) / 2 + rng.normal(0, 15), half, _SCENE[1] - half))
    where = (x1 + x2) / 2 + rng.normal(0, 15), y
    known = {"seconds": rng.uniform(1.6, 3.0), "approach": rng.uniform(0.5, 1.2), "zoom": zoom, "thing": thing}
    return Stop(*where, **{**known, **changed})  # type: ignore[arg-type]


def _act(kind: str, stops: list[Stop], rng: np.random.Generator) -> list[Stop]:
    """Return the stops of a kind of film."""
    first, second = stops[:2]
    change = _changed
    if kind == "several":
        return stops
    if kind == "focus":
        focus = float(rng.uniform(0.4, 1.0))
        return [change(first, defocus=float(rng.uniform(2, 6)), focus_seconds=focus, seconds=first.seconds + focus)]
    if kind == "exposure":
        return [change(first, light=float(rng.choice([0.25, 0.4, 2.0, 3.0])), seconds=first.seconds + 0.5)]
    if kind == "pass_by":  # the view crosses the first thing at 0.3 to 0.5 of its width a second
        over = change(first, seconds=0.0, expected=False, thing=-1, through=True)
        slow = float(rng.uniform(2.2, 3.6)) * 700 / (640 * first.zoom)
        return [change(over, x=first.x - 350), change(over, x=first.x + 350, approach=slow), second]
    if kind == "touch_and_go":
        return [change(first, seconds=float(rng.uniform(0, 0.1)), expected=False), second]
    if kind == "blur":
        return [change(first, defocus=float(rng.uniform(5, 8)), focus_seconds=1e3, expected=False), second]
    if kind == "dark":
        return [change(first, expected=False)]
    if kind == "wall":
        wall = change(first, x=_SCENE[0] + _WALL / 2, zoom=1.0, expected=False, thing=-1)
        return [change(wall, approach=1.2), change(second, approach=1.2)]
    return [first]


def _changed(stop: Stop, **fields: float | bool) -> Stop:
    return Stop(**{**{name: getattr(stop, name) for name in stop.__dataclass_fields__}, **fields})  # type: ignore[arg-type]


def _with_wall(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Return a scene with an empty wall at its right."""
    shade = np.linspace(0, rng.uniform(10, 40), _WALL)[None, :, None]
    wall = np.clip(rng.uniform(120, 200, 3)[None, None] + shade, 0, 255).astype(np.uint8)
    return np.concatenate([image, np.repeat(wall, image.shape[0], axis=0)], axis=1)


def film_of_photo(
    photo: Pixels, neighbours: Sequence[Pixels], seed: int, seconds: float = 4.0, focus: bool = True
) -> Film:
    """Return a film in which a camera comes to a real photo and is held before it.

    Args:
        photo: RGB uint8 [H,W,3].
        neighbours: two photos at its left and right, over which the camera comes and goes.
        seed: of the way.
        seconds: how long the camera is held.
        focus: whether the lens hunts first.
    """
    rng = np.random.default_rng([seed, 29])
    tiles = [_tile(picture) for picture in (neighbours[0], photo, neighbours[1])]
    x = tiles[0].shape[1] + tiles[1].shape[1] / 2
    scene = np.concatenate(tiles, axis=1)
    middle = tiles[1].shape[1]
    box = np.array([[x - middle / 2, 0, x + middle / 2, scene.shape[0]]], np.float32)
    searching = Stop(
        x + rng.choice([-1, 1]) * middle, scene.shape[0] / 2, 0.0, rng.uniform(1.0, 1.6), expected=False, through=True
    )
    stop = Stop(
        x + rng.normal(0, 10),
        scene.shape[0] / 2 + rng.normal(0, 10),
        seconds,
        rng.uniform(1.0, 2.0),
        zoom=float(rng.uniform(0.95, 1.1) * max(middle / 640, 1.0)),
        defocus=float(rng.uniform(2, 5)) if focus else 0.0,
        focus_seconds=float(rng.uniform(0.3, 0.8)) if focus else 0.0,
        thing=0,
    )
    path = CameraPath([searching, stop], rng, rng.uniform(0.7, 2.0), rng.uniform(0.8, 1.5))
    return Film(scene, box, path, "photo", exposure=float(rng.uniform(1 / 100, 1 / 40)), noise=2.0, seed=seed)


def _tile(picture: Pixels, height: int = 480) -> Pixels:
    """Return a picture of this height."""
    scale = height / picture.shape[0]
    size = (max(1, round(picture.shape[1] * scale)), height)
    return cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA).astype(np.uint8)
