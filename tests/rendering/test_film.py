"""Films of a hand-held camera: what is said of a frame is what it shows."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from whatsit_client.scan.optical_flow import build_pyramid, find_corners, median_motion, track_points
from whatsit_client.scan.sharpness import measure_sharpness

from whatsit.rendering.camera_path import CameraPath, Stop
from whatsit.rendering.film import Film
from whatsit.rendering.film_file import write_film
from whatsit.rendering.film_kinds import KINDS, film_of_photo, make_film
from whatsit.rendering.product import make_products

SIZE = (320, 240)


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    rng = np.random.default_rng(3)
    blocks = rng.integers(20, 235, (40, 90, 3)).astype(np.uint8)
    return np.repeat(np.repeat(blocks, 16, axis=0), 16, axis=1)


def film(scene: np.ndarray, *stops: Stop, **changed: object) -> Film:
    path = CameraPath(stops, np.random.default_rng(1), tremor=0.5, leave=0.4)
    boxes = np.array([[500, 200, 700, 400]], np.float32)
    return Film(scene, boxes, path, size=SIZE, rate=15, noise=1, **changed)  # type: ignore[arg-type]


def test_the_camera_is_still_at_its_stop_alone(scene: np.ndarray) -> None:
    truth = film(scene, Stop(600, 300, 1.0)).truth
    holds = [one.hold for one in truth]
    assert holds[0] == holds[-1] == -1
    assert 15 <= holds.count(0) <= 25
    assert all(one.still and one.speed < 0.1 for one in truth if one.hold == 0)
    assert max(one.speed for one in truth) > 1


def test_the_speed_is_that_of_the_pixels(scene: np.ndarray) -> None:
    slow = film(scene, Stop(400, 300, 0, through=True), Stop(520, 300, 0, approach=2.0, through=True), exposure=0.001)
    frames, truth = list(slow.frames()), slow.truth
    at = next(i for i, one in enumerate(truth) if one.time_ms > 1500)
    before, after = (build_pyramid(cv2.cvtColor(frames[i], cv2.COLOR_RGB2GRAY)) for i in (at, at + 1))
    motion, _, _ = median_motion(track_points(before, after, find_corners(before[0])))
    assert motion == pytest.approx(truth[at].speed * SIZE[0] / 15, rel=0.15)


def test_sharpness_falls_with_defocus_and_motion(scene: np.ndarray) -> None:
    hunting = film(scene, Stop(600, 300, 1.5, defocus=4, focus_seconds=0.8), exposure=1 / 30)
    truth, frames = hunting.truth, list(hunting.frames())
    measured = np.array([measure_sharpness(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)).sharpness for frame in frames])
    said = np.array([one.sharpness for one in truth])
    assert np.corrcoef(measured, said)[0, 1] > 0.8
    assert said[[one.hold == 0 for one in truth]].max() > 0.95


def test_boxes_move_with_the_view(scene: np.ndarray) -> None:
    one = film(scene, Stop(600, 300, 1.0))
    at = next(i for i, frame in enumerate(one.truth) if frame.hold == 0 and frame.time_ms > 1200)
    assert one.boxes_at(at)[0] == pytest.approx([60, 20, 260, 220], abs=3)


def test_exposure_comes_to_rest(scene: np.ndarray) -> None:
    gains = [one.gain for one in film(scene, Stop(600, 300, 1.0, light=3)).truth if one.hold == 0]
    assert gains[0] > 2
    assert gains[-1] < 1.3


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_truth(kind: str) -> None:
    made = make_film(kind, 1, make_products(8, 3))
    expected = [stop for stop in made.path.stops if stop.expected]
    assert bool(expected) == (kind != "dark")
    assert len({one.hold for one in made.truth} - {-1}) >= len(expected)


def test_a_real_photo_is_come_to_and_held(scene: np.ndarray) -> None:
    made = film_of_photo(scene[:300, :300], [scene[:300, 300:600], scene[:300, 600:900]], seed=4, seconds=1.0)
    index = next(i for i, one in enumerate(made.truth) if one.hold == 1)
    x1, _, x2, _ = made.boxes_at(index)[0]
    assert (x1 + x2) / 2 == pytest.approx(320, abs=60)


@pytest.mark.parametrize("name", ["film.avi", "film.y4m"])
def test_films_are_read_back(tmp_path: Path, scene: np.ndarray, name: str) -> None:
    frames = [scene[i : i + 240, :320] for i in range(5)]
    film = cv2.VideoCapture(str(write_film(tmp_path / name, frames, 15)))
    read, first = film.read()
    assert read
    assert np.abs(first[..., ::-1].astype(int) - frames[0]).mean() < 12
